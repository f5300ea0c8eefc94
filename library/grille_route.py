#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: a route, with all that it can do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_route
short_description: Route requests or connections to an app
description:
  - Each app has a route at its default address; this adds others, changes one, or removes it.
  - The task describes the whole route. What it leaves out has its default, unless O(merge) says that it stays.
  - Routers take the change without a reload and without a failed request.
options:
  id:
    description:
      - The route's id, a DNS label. Without it, the route that is at the address is meant, and the id of a new one is
        made of its address.
    type: str
  merge:
    description: Whether fields that are not given stay as they are, if the route exists.
    type: bool
    default: false
  state:
    description: Whether the route exists.
    type: str
    choices: [present, absent]
    default: present
  wait:
    description: Whether to wait until every live router reflects the route.
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
    description: Shows the rows of the table of routes that change, before and after, by address.
  idempotent:
    support: full
    description: Does nothing when the route is the one asked for, defaults included.
  action:
    support: full
    description: Takes the token from the environment of the control node.
extends_documentation_fragment: [grille.grille.route, grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_route_info
  - module: grille.grille.grille_app_routing
"""

EXAMPLES = r"""
- name: Serve the shop at its own domain, by HTTPS alone
  grille_route:
    host: shop.example.org
    app: shop
    https_only: true
    hsts: 31536000

- name: Send old addresses to the new ones
  grille_route:
    host: www.example.org
    app: shop
    redirect:
      to: https://shop.example.org

- name: A tenth of the requests for the next version; all else of the route stays
  grille_route:
    id: shop
    app: shop
    weight: 90
    targets:
      - app: shop-next
        weight: 10
    merge: true

- name: A database, at a port that the grid chooses
  grille_route:
    kind: tcp
    app: store
    process: db
    idle_timeout: 86400
  register: database
"""

RETURN = r"""
route:
  description:
    - The route as the controller tells it, with C(id), C(address), C(url), C(port) and C(status), which has for each
      live router V(applied), V(pending) or V(refused) and why. Empty when it is absent.
  type: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.errors import Conflict, InvalidValue, NotFound
from ..module_utils.grille.names import check_app, check_label
from ..module_utils.grille_module import Result, arguments, client, run
from ..module_utils.grille_routes import asked, difference, from_api, identify, options, settled, wanted

ARGUMENTS = arguments(
    id={"type": "str"},
    **options(),
    merge={"type": "bool", "default": False},
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
    wait={"type": "bool", "default": True},
    wait_timeout={"type": "float", "default": 30.0},
)


def ensure(module: AnsibleModule) -> Result:
    """Bring the route to the state asked for."""
    params: dict[str, Any] = module.params
    _check_named(params)
    api = client(params)
    routes: list[dict[str, Any]] = api.get("/routes")
    ident = check_label("route id", identify(params, routes))
    former = next((route for route in routes if route["id"] == ident), None)
    if params["state"] == "absent":
        return _absent(module, api, former)
    return _present(module, api, ident, former)


def _check_named(params: dict[str, Any]) -> None:
    kind = params["kind"] or "http"
    if params["id"] or (params["port"] if kind == "tcp" else params["host"]) or (kind == "tcp" and params["app"]):
        return
    raise InvalidValue(
        "no route is named", remedy="give host (and path), or port of a tcp route, or id", code="no_route_named"
    )


def _present(module: AnsibleModule, api: Client, ident: str, former: dict[str, Any] | None) -> Result:
    params: dict[str, Any] = module.params
    check_app(params["app"])
    body, path = asked(params), f"/routes/{ident}"
    after = wanted(ident, body, former, params["merge"])
    method = "PATCH" if params["merge"] and former else "PUT"
    try:
        told = api.call(method, path, body, query={"dry_run": 1})
    except NotFound as error:
        if not module.check_mode or error.code != "unknown_app":
            raise
        module.warn(f"{error.message} yet: the route is compared here alone")
        return {"changed": True, "route": {}, "diff": difference(from_api(former) if former else None, after)}
    if told["changed"] and not module.check_mode:
        told = api.call(method, path, body)
    for line in told["warnings"]:
        module.warn(line)
    result: Result = {"changed": told["changed"], "route": told["route"]}
    result["diff"] = difference(from_api(told["former"]) if told["former"] else None, from_api(told["route"]))
    if params["wait"] and not module.check_mode:
        result["route"] = settled(module, api, path, f"route {ident}")
    return result


def _absent(module: AnsibleModule, api: Client, former: dict[str, Any] | None) -> Result:
    params: dict[str, Any] = module.params
    result: Result = {"changed": former is not None, "route": {}, "diff": {"before": {}, "after": {}}}
    if former is None:
        return result
    if params["app"] and former["app"] != params["app"]:
        raise Conflict(
            f"route {former['id']!r} belongs to app {former['app']!r}",
            remedy="leave app out to remove it all the same",
            code="route_taken",
        )
    result["diff"] = difference(from_api(former), None)
    if not module.check_mode:
        gone = api.delete(f"/routes/{former['id']}", wait=params["wait_timeout"] if params["wait"] else 0)
        late = sorted(router for router, word in gone["status"].items() if word == "pending")
        if params["wait"] and late:
            module.warn(f"the route is deleted, and still carried out by router {', '.join(late)}")
    return result


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, supports_check_mode=True, required_if=[("state", "present", ("app",))]
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
