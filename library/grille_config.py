#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: the configuration of an app, or of a set that apps share. Its action plugin follows the roll-out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_config
short_description: Set the configuration of an app, or of a set that apps share
description:
  - Plain values and secrets become environment variables of the app's processes. A change of them makes a release
    (the code stays) and deploys it without a failed request. A change of a shared set does so for each app that uses
    it.
  - Live values never are in an environment; running jobs read and watch them, and no release is made.
  - Every change is a version, which is kept. Secrets are encrypted before they are stored, and shown to nobody.
  - When the deployment fails, the configuration is as before and the task fails with the reason.
  - May be used before the app's first deployment, which then takes what was set.
options:
  app:
    description: Name of the app whose own configuration this is.
    type: str
  shared:
    description: Name of the shared set whose configuration this is. It is made when it does not exist.
    type: str
  values:
    description: Plain values to set; one whose value is null is removed.
    type: dict
    default: {}
  secrets:
    description: Secrets to set, encrypted at rest; one whose value is null is removed.
    type: dict
    default: {}
  live:
    description: Live values to set; one whose value is null is removed.
    type: dict
    default: {}
  sets:
    description:
      - The shared sets that the app uses, the one that yields to all others first. The app's own values are above all.
      - Without it, they stay; an empty list uses none.
    type: list
    elements: str
  purge:
    description: Whether to remove values, secrets and live values that are not named.
    type: bool
    default: false
  state:
    description:
      - V(absent) removes the whole. A set that an app uses cannot be removed; of an app that exists all values go, in
        a release.
    type: str
    choices: [present, absent]
    default: present
  description:
    description: A line that says what the change is for.
    type: str
    default: ""
  wait:
    description: Whether to wait until the releases that follow are deployed.
    type: bool
    default: true
  wait_timeout:
    description: Seconds that each deployment may take.
    type: float
    default: 900.0
attributes:
  check_mode:
    support: full
    description: The controller compares, secrets too, and changes nothing.
  diff_mode:
    support: full
    description: Shows what differs; the names alone, never a value.
  idempotent:
    support: full
    description: Does nothing when all is as asked for and deployed.
  action:
    support: full
    description: Follows the deployments on the control node; takes the token from its environment.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_config_info
  - module: grille.grille.grille_config_rotate
"""

EXAMPLES = r"""
- name: What all apps that use the database need
  grille_config:
    shared: db
    values:
      DB_HOST: db1.example.org
    secrets:
      DB_PASSWORD: "{{ vault_db_password }}"

- name: An app's own, over the set
  grille_config:
    app: shop
    values:
      DB_POOL: 5
      OLD: null
    sets: [db]

- name: A limit that running jobs see change, without a release
  grille_config:
    app: shop
    live:
      ORDERS_PER_MINUTE: 100
"""

RETURN = r"""
config:
  description: The newest version; of secrets the names alone. Empty when it is absent.
  type: dict
  returned: success
releases:
  description: The releases that were made, each with C(app), C(release) and C(ticket). In check mode without numbers.
  type: list
  elements: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.errors import Conflict
from ..module_utils.grille.names import check_app, check_label
from ..module_utils.grille_compare import noted
from ..module_utils.grille_module import Result, arguments, client, find, run
from ..module_utils.grille_values import parse_env

ARGUMENTS = arguments(
    app={"type": "str"},
    shared={"type": "str"},
    values={"type": "dict", "default": {}},
    secrets={"type": "dict", "default": {}, "no_log": True},
    live={"type": "dict", "default": {}},
    sets={"type": "list", "elements": "str"},
    purge={"type": "bool", "default": False},
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
    description={"type": "str", "default": ""},
    wait={"type": "bool", "default": True},
    wait_timeout={"type": "float", "default": 900.0},
)


def ensure(module: AnsibleModule) -> Result:
    """Bring the scope to what is asked for; waits for nothing."""
    params: dict[str, Any] = module.params
    api, scope = client(params), scope_of(params)
    there = params["app"] is None or find(api, f"/apps/{params['app']}") is not None
    if params["state"] == "absent" and (params["app"] is None or not there):
        return _removed(module, api, scope)
    if not there:
        module.warn(f"app {params['app']} does not exist yet: its first deployment takes this configuration")
    wish = _wish(params) if params["state"] == "present" else {"replace": True, "shared": []}
    planned = api.put(f"/config/{scope}", {**wish, "dry_run": True})
    result = _told(planned)
    if not planned["changed"] or module.check_mode:
        return result
    made = api.put(f"/config/{scope}", wish)
    for one in made.get("left", []):
        module.warn(f"app {one['app']} was not released: {one['detail']}")
    return {**_told(made), "diff": result["diff"]}


def scope_of(params: dict[str, Any]) -> str:
    """The scope that ``app`` or ``shared`` names; raises InvalidValue."""
    if params["app"] is not None:
        return f"apps/{check_app(params['app'])}"
    return f"shared/{check_label('shared set', params['shared'])}"


def _wish(params: dict[str, Any]) -> dict[str, Any]:
    wish: dict[str, Any] = {kind: parse_env(params[kind]) for kind in ("values", "secrets", "live")}
    wish |= {"shared": params["sets"], "replace": params["purge"], "description": params["description"]}
    return {name: value for name, value in wish.items() if value or (name == "shared" and value is not None)}


def _told(answer: dict[str, Any]) -> Result:
    differences = dict(answer["differences"])
    sets = differences.pop("shared", None)
    diff = noted(differences)
    for side, names in (sets or {}).items():
        diff[side]["sets"] = names
    return {"changed": answer["changed"], "config": answer["config"], "releases": answer["releases"], "diff": diff}


def _removed(module: AnsibleModule, api: Client, scope: str) -> Result:
    known = {one["scope"]: one for one in api.get("/config")}
    result: Result = {"changed": scope in known, "config": {}, "releases": [], "diff": {"before": {}, "after": {}}}
    if scope not in known:
        return result
    result["diff"]["before"] = {"scope": scope}
    if module.check_mode and known[scope].get("apps"):
        users = ", ".join(known[scope]["apps"])
        raise Conflict(f"{scope} is used by {users}", remedy="take it out of their sets first", code="config_in_use")
    if not module.check_mode:
        api.delete(f"/config/{scope}")
    return result


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        mutually_exclusive=[("app", "shared"), ("shared", "sets")],
        required_one_of=[("app", "shared")],
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
