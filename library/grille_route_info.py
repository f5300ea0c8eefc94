#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: routes, and the routers that carry them out."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_route_info
short_description: Read routes, and what routers made of them
description:
  - The routes of the grid, or those of an app or a host, each with its status at every live router.
  - The routers, whether they are in step, and the ports of TCP routes.
options:
  app:
    description: Only routes that this app owns.
    type: str
  host:
    description: Only routes for this host name, as it is in the route.
    type: str
  id:
    description: Only the route with this id.
    type: str
extends_documentation_fragment: [grille.grille.reading, grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_route
"""

EXAMPLES = r"""
- name: See where the shop answers
  grille_route_info:
    app: shop
  register: shop
"""

RETURN = r"""
routes:
  description: The routes as the controller tells them, by address.
  type: list
  elements: dict
  returned: success
table:
  description: By address, what is not as usual in each route.
  type: dict
  returned: success
routers:
  description: The live routers, each with C(id), C(host), C(revision), C(in_step), C(refused) and C(handovers).
  type: list
  elements: dict
  returned: success
tcp:
  description: The ports for TCP routes, C(first) to C(last), and those C(taken), with the ids of their routes.
  type: dict
  returned: success
report:
  description: The routes as lines for people to read.
  type: list
  elements: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.names import check_app
from ..module_utils.grille.route_body import plain_host
from ..module_utils.grille.route_table import table
from ..module_utils.grille_module import Result, arguments, client, run
from ..module_utils.grille_report import of_routes
from ..module_utils.grille_routes import from_api

ARGUMENTS = arguments(app={"type": "str"}, host={"type": "str"}, id={"type": "str"})


def look(module: AnsibleModule) -> Result:
    """The routes asked for."""
    params: dict[str, Any] = module.params
    api = client(params)
    app = check_app(params["app"]) if params["app"] else None
    host = plain_host(params["host"]) if params["host"] else None
    found = [
        route
        for route in api.get("/routes", app=app)
        if host in (None, route["host"]) and params["id"] in (None, route["id"])
    ]
    grid = api.get("/routers")
    owned = [from_api(route) for route in found if route["app"]]
    shown = {"routes": found, "table": table(owned), "report": of_routes(found)}
    return {"changed": False, **shown, "routers": grid["routers"], "tcp": grid["tcp"]}


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
