#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: an app exists, or does not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_app
short_description: Create or destroy an app
description:
  - An app is a name with releases, a formation and routes. M(grille.grille.grille_deploy) gives it its first release.
  - Destroying it stops its instances, letting requests in flight end, and removes its releases and routes.
options:
  name:
    description: Name of the app, a DNS label of at most 30 characters.
    type: str
    required: true
  state:
    description: Whether the app exists.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description: Whether to wait until a destroyed app is gone, its last container with it.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait at most.
    type: float
    default: 120.0
attributes:
  check_mode:
    support: full
    description: Says whether it would create or destroy the app.
  diff_mode:
    support: full
    description: Shows the app's state before and after.
  idempotent:
    support: full
    description: Does nothing when the app's state is the one asked for.
  action:
    support: full
    description: Takes the token from the environment of the control node.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_deploy
"""

EXAMPLES = r"""
- name: Destroy an app
  grille_app:
    name: shop
    state: absent
"""

RETURN = r"""
msg:
  description: What was done, in one line.
  type: str
  returned: success
  sample: app shop is destroyed
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.names import check_app
from ..module_utils.grille_module import Result, arguments, client, find, run, until

ARGUMENTS = arguments(
    name={"type": "str", "required": True},
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
    wait={"type": "bool", "default": True},
    wait_timeout={"type": "float", "default": 120.0},
)


def ensure(module: AnsibleModule) -> Result:
    """Bring the app to the state asked for."""
    params: dict[str, Any] = module.params
    name, state = check_app(params["name"]), params["state"]
    api = client(params)
    before = "present" if find(api, f"/apps/{name}") else "absent"
    changed = before != state
    if changed and not module.check_mode:
        _change(api, name, params)
    done = {"present": f"app {name} exists", "absent": f"app {name} is destroyed"}
    there = {"present": f"app {name} exists already", "absent": f"there is no app {name}: nothing to destroy"}
    diff = {"before": {"name": name, "state": before}, "after": {"name": name, "state": state}}
    return {"changed": changed, "msg": (done if changed else there)[state], "diff": diff}


def _change(api: Client, name: str, params: dict[str, Any]) -> None:
    if params["state"] == "present":
        api.put(f"/apps/{name}", {})
        return
    api.delete(f"/apps/{name}")
    if params["wait"]:
        until(lambda: _remains(api, name), f"destroying app {name}", params["wait_timeout"])


def _remains(api: Client, name: str) -> list[str]:
    """What is left of an app that is being destroyed."""
    found = find(api, f"/apps/{name}")
    if found is None:
        return []
    return [f"{job['id']} is {job['state']}" for job in found.get("jobs", [])] or [f"app {name} is still there"]


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
