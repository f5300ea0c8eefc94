# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a deployment has anything to do, and what it would change. Pure."""

from __future__ import annotations

from typing import Any

from ..module_utils.grille_compare import asked, differs, shown, view
from .packing import Packed

Found = dict[str, Any]


def needs_build(found: Found, digest: str, buildpack: str | None) -> bool:
    """Whether the source with this digest is another one than the current release's, or its buildpack is."""
    release = found.get("release") or {}
    return release.get("source") != digest or bool(buildpack and buildpack != release.get("buildpack"))


def planned(found: Found, wish: dict[str, Any], pack: Packed | None) -> dict[str, Any]:
    """What a deployment would do, as the result of check mode.

    Args:
        found: the app as the controller describes it, env with its values; empty when there is none.
        wish: the task's checked options.
        pack: the packed source when it would be built.
    """
    before = view(found.get("release"), found.get("formation"))
    after = asked(before, code=_code(before, wish, pack), **{name: wish[name] for name in ("env", "settings", "scale")})
    if not before["release"] and "web" in after["processes"]:
        after["scale"] = {"web": {"count": 1}, **after["scale"]}
    return {
        "changed": not before["release"] or differs(before, after),
        "release": before["release"],
        "diff": shown(before, after),
    }


def _code(before: Found, wish: dict[str, Any], pack: Packed | None) -> Found | None:
    if wish["image"]:
        return {"image": wish["image"], "processes": before["processes"] if before.get("image") else {"web": ""}}
    if pack is None:
        return None
    buildpack = wish["buildpack"] or before.get("buildpack")
    code = {"source": pack.digest, "slug": "(to be built)", "buildpack": buildpack}
    return {**code, "processes": pack.procfile} if pack.procfile else code
