# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a deployment would change: an app as it is, as it is asked to be, and the difference to show. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .grille.specs import WEB_PORT, ProcessType

View = dict[str, Any]
CODE = ("source", "slug", "image", "buildpack")


def view(release: View | None, formation: View | None) -> View:
    """A release and its formation in the form that is compared: code, process types, env, settings, scale."""
    if not release:
        return {"release": 0, "processes": {}, "env": {}, "settings": {}, "scale": {}}
    code = {name: release[name] for name in ("source", "image", "buildpack") if release.get(name)}
    if release.get("slug"):
        code["slug"] = release["slug"]["digest"]
    types: dict[str, View] = release.get("processes") or {}
    scale = (formation or {}).get("processes") or {}
    return {
        "release": release["version"],
        **code,
        "processes": {name: process.get("command", "") for name, process in types.items()},
        "env": dict(release.get("env") or {}),
        "settings": {name: _settings(process) for name, process in types.items()},
        "scale": {name: _scale(wish) for name, wish in scale.items() if name in types},
    }


def asked(
    before: View,
    *,
    code: View | None = None,
    env: dict[str, str | None] | None = None,
    settings: dict[str, View | None] | None = None,
    scale: dict[str, View] | None = None,
) -> View:
    """``before`` with what is asked for laid over it.

    Args:
        code: what the release would be made of (``source``, ``slug``, ``image``, ``processes``…); None: the same.
            Its ``env`` are defaults.
        env: merged; None as a value removes the variable.
    """
    after = dict(before)
    defaults: dict[str, str] = {}
    if code is not None:
        kept = {name: value for name, value in before.items() if name not in CODE}
        defaults = code.get("env") or {}
        after = {**kept, **{name: value for name, value in code.items() if value and name != "env"}}
    merged = {**defaults, **before["env"], **(env or {})}
    after["env"] = {name: value for name, value in merged.items() if value is not None}
    after["settings"] = dict(before["settings"])
    for process, wish in (settings or {}).items():
        after["settings"][process] = _settled(process, before["settings"].get(process), wish)
    after["scale"] = {**before["scale"], **_scaled(before["scale"], scale or {})}
    return after


def differs(before: View, after: View, *names: str) -> bool:
    """Whether the two differ; in the parts called ``names`` alone where some are given."""
    return any(before.get(name) != after.get(name) for name in names or {*before, *after})


def shown(before: View, after: View) -> dict[str, View]:
    """The difference as Ansible's ``diff``: only parts that differ, and of env the names alone, never a value."""
    sides: dict[str, View] = {"before": {}, "after": {}}
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            old, new = masked(old, new) if name == "env" else _apart(old, new)
        for side, value in (("before", old), ("after", new)):
            if value not in (None, "", {}):
                sides[side][name] = value
    return sides


def masked(old: View, new: View) -> tuple[View, View]:
    """The variables that differ, before and after, with words for their values."""
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    before = {name: "(set)" for name in changed if name in old}
    after = {name: "(another value)" if name in old else "(set)" for name in changed if name in new}
    return before, after


def noted(differences: dict[str, dict[str, str]]) -> dict[str, View]:
    """What the controller says of configuration (by kind and name: set, changed, removed) as Ansible's ``diff``."""
    words = {"set": (None, "(set)"), "changed": ("(set)", "(another value)"), "removed": ("(set)", None)}
    sides: dict[str, View] = {"before": {}, "after": {}}
    for kind, names in differences.items():
        for name, how in names.items():
            for side, word in zip(("before", "after"), words[how], strict=True):
                if word:
                    sides[side].setdefault(kind, {})[name] = word
    return sides


def without_secrets(app: View) -> View:
    """A copy of the controller's description of an app with the values of env left out of every release."""

    def hide(release: View) -> View:
        return {**release, "env": dict.fromkeys(release.get("env") or {}, "(set)")}

    copy = {**app, "releases": [hide(release) for release in app.get("releases") or []]}
    if app.get("release"):
        copy["release"] = hide(app["release"])
    return copy


def _apart(old: View, new: View) -> tuple[View, View]:
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    return {name: old[name] for name in names if name in old}, {name: new[name] for name in names if name in new}


def _scale(wish: View) -> View:
    return {name: value for name, value in wish.items() if value is not None}


def _scaled(old: View, wanted: View) -> View:
    return {name: {**old.get(name, {"count": 0}), **wish} for name, wish in wanted.items()}


def _settings(process: View) -> View:
    """The settings of a process type as the controller keeps them, without its command."""
    return {name: value for name, value in process.items() if name != "command"}


def _settled(process: str, before: View | None, wish: View | None) -> View:
    """A process type's settings with ``wish`` (docs/contracts.md, "Settings") laid over them; null: the default."""
    usual = _settings(asdict(ProcessType(port=WEB_PORT if process == "web" else 0)))
    if wish is None:
        return usual
    now = before or usual
    plain = {name: wish[name] for name in ("port", "stop_grace", "drain_deadline") if name in wish}
    after = {**now, **{name: usual[name] if value is None else value for name, value in plain.items()}}
    health = wish.get("healthcheck", {})
    after["health"] = {**now["health"], **health} if health is not None else dict(usual["health"])
    if health and "path" in health and "type" not in health:
        after["health"]["type"] = "http"
    if "boot_timeout" in wish:
        after["health"]["boot_timeout"] = wish["boot_timeout"] or usual["health"]["boot_timeout"]
    if "resources" in wish:
        after["resources"] = {**now["resources"], **wish["resources"]} if wish["resources"] else usual["resources"]
    return after
