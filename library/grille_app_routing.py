#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: maintenance of an app, and the pages that users see when nothing else answers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_app_routing
short_description: Put an app into maintenance, and set its error pages
description:
  - What holds for all routes of an app. What the task leaves out stays as it is.
options:
  app:
    description: Name of the app.
    type: str
    required: true
  maintenance:
    description: Whether every request is answered with the maintenance page (503); instances get none.
    type: bool
  error_page:
    description:
      - HTML for requests that no instance answers, at most 7 KiB; an empty string for Grille's own.
      - Of a file on the control node with C(lookup('ansible.builtin.file', 'error.html')).
    type: str
  maintenance_page:
    description: HTML for requests during maintenance, at most 7 KiB; an empty string for Grille's own.
    type: str
  wait:
    description: Whether to wait until every live router reflects it.
    type: bool
    default: true
  wait_timeout:
    description: Seconds that routers may take.
    type: float
    default: 30.0
attributes:
  check_mode:
    support: full
    description: The controller compares and checks, and changes nothing.
  diff_mode:
    support: full
    description: Shows what differs.
  idempotent:
    support: full
    description: Does nothing when all is as asked for.
  action:
    support: full
    description: Takes the token from the environment of the control node.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_route
"""

EXAMPLES = r"""
- name: Pages of the shop's own
  grille_app_routing:
    app: shop
    error_page: "{{ lookup('ansible.builtin.file', 'error.html') }}"
    maintenance_page: "{{ lookup('ansible.builtin.file', 'maintenance.html') }}"

- name: Close the shop for a while
  grille_app_routing:
    app: shop
    maintenance: true
"""

RETURN = r"""
routing:
  description:
    - C(maintenance), C(error_page), C(maintenance_page), and C(status), which has for each live router V(applied),
      V(pending) or V(refused) and why.
  type: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.errors import NotFound
from ..module_utils.grille.names import check_app
from ..module_utils.grille.route_rules import check_app_routing
from ..module_utils.grille.routing import AppRouting
from ..module_utils.grille_module import Result, arguments, client, run
from ..module_utils.grille_routes import settled

FIELDS = ("maintenance", "error_page", "maintenance_page")
ARGUMENTS = arguments(
    app={"type": "str", "required": True},
    maintenance={"type": "bool"},
    error_page={"type": "str"},
    maintenance_page={"type": "str"},
    wait={"type": "bool", "default": True},
    wait_timeout={"type": "float", "default": 30.0},
)


def ensure(module: AnsibleModule) -> Result:
    """Bring maintenance and pages to what is asked for."""
    params: dict[str, Any] = module.params
    name = check_app(params["app"])
    wish = {field: params[field] for field in FIELDS if params[field] is not None}
    check_app_routing(AppRouting(app=name, **wish))
    api, path = client(params), f"/apps/{name}/routing"
    try:
        told = api.put(path, wish, dry_run=1)
    except NotFound as error:
        if not module.check_mode:
            raise
        module.warn(f"{error.message} yet: compared with the defaults")
        usual = {"maintenance": False, "error_page": "", "maintenance_page": ""}
        after = {**usual, **wish}
        return {"changed": after != usual, "routing": after, "diff": _difference(usual, after)}
    if told["changed"] and not module.check_mode:
        told = api.put(path, wish)
    result: Result = {"changed": told["changed"], "routing": told["routing"]}
    result["diff"] = _difference(told["former"], told["routing"])
    if params["wait"] and not module.check_mode:
        result["routing"] = settled(module, api, path, f"what holds for app {name}")
    return result


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    changed = [field for field in FIELDS if before[field] != after[field]]
    return {"before": {field: before[field] for field in changed}, "after": {field: after[field] for field in changed}}


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
