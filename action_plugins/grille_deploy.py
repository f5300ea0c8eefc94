# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Brings an app to a source, an environment and a scale: pack, compare, build, release, follow."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from ansible_collections.grille.grille.plugins.module_utils.grille.errors import NotFound
from ansible_collections.grille.grille.plugins.module_utils.grille.names import check_app
from ansible_collections.grille.grille.plugins.module_utils.grille_module import arguments as with_connection
from ansible_collections.grille.grille.plugins.module_utils.grille_values import parse_env, parse_scale, parse_settings
from ansible_collections.grille.grille.plugins.plugin_utils.acting import Result, StepFailed
from ansible_collections.grille.grille.plugins.plugin_utils.packing import Packed
from ansible_collections.grille.grille.plugins.plugin_utils.planning import needs_build, planned
from ansible_collections.grille.grille.plugins.plugin_utils.releasing import ReleasingAction

ARGUMENTS = with_connection(
    app={"type": "str", "required": True},
    source={"type": "str"},
    image={"type": "str"},
    env={"type": "dict", "default": {}},
    secrets={"type": "dict", "default": {}, "no_log": True},
    scale={"type": "dict", "default": {}},
    buildpack={"type": "str"},
    settings={"type": "dict", "default": {}},
    description={"type": "str", "default": ""},
    wait_timeout={"type": "float", "default": 1200.0},
)


class ActionModule(ReleasingAction):
    """Each step is one of the other modules, run on the target host."""

    def act(self, arguments: Result) -> Result:
        """Pack the source, if there is one, and do what is not done yet."""
        _, wish = self.validate_argument_spec(ARGUMENTS, mutually_exclusive=[("source", "image")])
        app = check_app(wish["app"])
        wish |= {"env": parse_env(wish["env"]), "secrets": parse_env(wish["secrets"])}
        wish["settings"] = parse_settings(wish["settings"])
        wish["scale"] = parse_scale(wish["scale"]) if wish["scale"] else {}
        with self.packing(wish["source"]) if wish["source"] else nullcontext() as pack:
            result = self._deploy(app, wish, pack)
        source = pack.digest if pack else ""
        return {**result, "app": app, "source": source}

    def _deploy(self, app: str, wish: dict[str, Any], pack: Packed | None) -> Result:
        found = self._current(app)
        if not (found.get("release") or pack or wish["image"]):
            raise NotFound(f"app {app} has no release yet", remedy="give a source or an image", code="no_code")
        build = pack if pack and needs_build(found, pack.digest, wish["buildpack"]) else None
        plan = planned(found, wish, build)
        if self._task.check_mode:
            planned_too = self._release(app, wish, "") if wish["secrets"] and found.get("release") else {}
            return {**_with_secrets(plan, planned_too), "url": found.get("url", "")}
        if not (plan["changed"] or wish["secrets"]):  # whether a secret is another one is not known here
            return {**plan, "url": found.get("url", "")}
        released = self._release(app, wish, self._built(app, wish, build) if build else "")
        plan = {**_with_secrets(plan, released), "changed": released["changed"]}
        now = self._current(app)
        return {**plan, "release": now["release"]["version"], "url": now["url"]}

    def _current(self, app: str) -> Result:
        """The app as it is; empty when there is none."""
        try:
            asked = {**self.connection(), "app": app, "reveal_env": True}
            return dict(self.module("grille_info", asked)["app"])
        except StepFailed as failure:
            if failure.result.get("code") == "unknown_app":
                return {}
            raise

    def _built(self, app: str, wish: dict[str, Any], pack: Packed) -> str:
        self.store(pack)
        ticket: str = self.build(app, pack.digest, wish)["id"]
        return ticket

    def _release(self, app: str, wish: dict[str, Any], build: str) -> Result:
        names = ("image", "env", "secrets", "scale", "settings", "description", "wait_timeout")
        asked = {name: wish[name] for name in names if wish[name]}
        code = {"build": build} if build else {}
        return self.release({**self.connection(), "app": app, **asked, **code})


def _with_secrets(plan: Result, released: Result) -> Result:
    """``plan`` with what the release says of secrets."""
    told = released.get("diff", {})
    diff = {
        side: {**part, **{name: value for name, value in told.get(side, {}).items() if name == "secrets"}}
        for side, part in plan["diff"].items()
    }
    return {**plan, "diff": diff, "changed": plan["changed"] or bool(released.get("changed"))}
