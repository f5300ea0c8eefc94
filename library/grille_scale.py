#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: how many instances of each process type run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_scale
short_description: Set how many instances of an app's process types run
description:
  - Waits until it is so - every instance up and routed to, every surplus one gone, its requests ended first.
options:
  app:
    description: Name of the app.
    type: str
    required: true
  scale:
    description:
      - Instances of each process type, like C({"web":4,"worker":1}), or a dict of C(count), C(memory) (MiB) and
        C(cpu). Process types that are not named stay as they are.
    type: dict
    required: true
  wait:
    description: Whether to wait until it is so.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait at most.
    type: float
    default: 300.0
attributes:
  check_mode:
    support: full
    description: Compares and changes nothing.
  diff_mode:
    support: full
    description: Shows the scale before and after.
  idempotent:
    support: full
    description: Does nothing when the formation is the one asked for.
  action:
    support: full
    description: Takes the token from the environment of the control node.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
"""

EXAMPLES = r"""
- name: Four web instances and one worker
  grille_scale:
    app: shop
    scale:
      web: 4
      worker: 1
"""

RETURN = r"""
scale:
  description: The scale of all the app's process types.
  type: dict
  returned: success
  sample: {"web": {"count": 4}, "worker": {"count": 1}}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.errors import Failed, NotFound
from ..module_utils.grille.names import check_app
from ..module_utils.grille_compare import asked, differs, shown, view
from ..module_utils.grille_instances import failed, missing
from ..module_utils.grille_module import Result, arguments, client, run, until
from ..module_utils.grille_values import parse_scale

ARGUMENTS = arguments(
    app={"type": "str", "required": True},
    scale={"type": "dict", "required": True},
    wait={"type": "bool", "default": True},
    wait_timeout={"type": "float", "default": 300.0},
)


def ensure(module: AnsibleModule) -> Result:
    """Bring the formation to the scale asked for, and wait until it runs like that."""
    params: dict[str, Any] = module.params
    name, scale = check_app(params["app"]), parse_scale(params["scale"])
    api = client(params)
    found = api.get(f"/apps/{name}")
    before = view(found.get("release"), found.get("formation"))
    _check_types(name, scale, before)
    after = asked(before, scale=scale)
    changed = differs(before, after, "scale")
    result = {"changed": changed, "scale": after["scale"], "diff": shown(before, after)}
    if changed and not module.check_mode:
        api.put(f"/apps/{name}/formation", {"processes": scale})
    if params["wait"] and not module.check_mode:
        known = set(failed(found))
        until(lambda: _left(api, name, known), f"scaling {name}", params["wait_timeout"])
    return result


def _check_types(name: str, scale: dict[str, Any], before: dict[str, Any]) -> None:
    known = [*before["processes"], *before["scale"]]
    for process in scale:
        if process not in known:
            there = ", ".join(sorted(set(known))) or "none, for it has no release yet"
            raise NotFound(
                f"app {name} has no process type {process!r}",
                remedy=f"process types: {there}",
                code="unknown_process_type",
            )


def _left(api: Client, name: str, known: set[str]) -> list[str]:
    """What is not as it should be yet; a job that failed for good, besides those ``known``, ends the waiting."""
    found = api.get(f"/apps/{name}")
    for ident, reason in failed(found).items():
        if ident not in known:
            raise Failed(reason, remedy="read the app's output: playbooks/logs.yml")
    return missing(found)


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
