#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: a route from a host name and path to an app's process type."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_route
short_description: Route requests for a host name and path to an app
description:
  - Each app has a route at its default address; this adds more, or removes one.
options:
  id:
    description: The route's id, a DNS label; by default made of O(host) and O(path).
    type: str
  host:
    description: Host name of the requests, in lower case.
    type: str
    required: true
  path:
    description: Path that the requests begin with.
    type: str
    default: /
  app:
    description: Name of the app, needed when the route is to exist.
    type: str
  process:
    description: The app's process type that answers.
    type: str
    default: web
  state:
    description: Whether the route exists.
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
    description: Compares and changes nothing.
  diff_mode:
    support: full
    description: Shows the route before and after.
  idempotent:
    support: full
    description: Does nothing when the route is the one asked for.
  action:
    support: full
    description: Takes the token from the environment of the control node.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
"""

EXAMPLES = r"""
- name: Serve the shop at its own domain
  grille_route:
    host: shop.example.org
    app: shop
"""

RETURN = r"""
route:
  description: The route; empty when it is absent.
  type: dict
  returned: success
"""

import hashlib
import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.names import check_app, check_hostname, check_label, check_process
from ..module_utils.grille_module import Result, arguments, client, run

ARGUMENTS = arguments(
    id={"type": "str"},
    host={"type": "str", "required": True},
    path={"type": "str", "default": "/"},
    app={"type": "str"},
    process={"type": "str", "default": "web"},
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
)


def route_id(host: str, path: str) -> str:
    """The id of the route for ``host`` and ``path``: a DNS label, the same for the same two."""
    words = re.sub(r"[^a-z0-9]+", "-", f"{host}{path}".lower()).strip("-")
    return f"{words[:54].strip('-')}-{hashlib.sha256(f'{host}{path}'.encode()).hexdigest()[:8]}"


def ensure(module: AnsibleModule) -> Result:
    """Bring the route to the state asked for."""
    params: dict[str, Any] = module.params
    host, path = check_hostname(params["host"]), params["path"].rstrip("/") or "/"
    ident = check_label("route id", params["id"]) if params["id"] else route_id(host, path)
    api = client(params)
    found: dict[str, Any] = next((route for route in api.get("/routes") if route["id"] == ident), {})
    before = {name: found.get(name, "") for name in ("host", "path", "app", "service")} if found else {}
    after: dict[str, Any] = {}
    if params["state"] == "present":
        app, process = check_app(params["app"]), check_process(params["process"])
        after = {"host": host, "path": path, "app": app, "service": f"{app}-{process}"}
        if before != after and not module.check_mode:
            api.put(f"/routes/{ident}", {"host": host, "path": path, "app": app, "process": process})
    elif before and not module.check_mode:
        api.delete(f"/routes/{ident}")
    diff = {"before": before, "after": after}
    return {"changed": before != after, "route": {"id": ident, **after} if after else {}, "diff": diff}


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ("app",))],
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
