#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: what the controller knows of an app, or of the grid."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_info
short_description: Read the state of an app, or of the grid
description:
  - With O(app), its releases, formation, instances with host, state and reason, and routes.
  - Without it, all apps, hosts and queues.
options:
  app:
    description: Name of the app.
    type: str
  tail:
    description: Read this many of the app's last lines of output too; V(0) for none.
    type: int
    default: 0
  process:
    description: The process type whose lines are read, V(router) for the requests; all by default.
    type: str
  reveal_env:
    description: Whether to return the values of environment variables, and not their names alone.
    type: bool
    default: false
extends_documentation_fragment: [grille.grille.reading, grille.grille.auth, grille.grille.controller]
"""

EXAMPLES = r"""
- name: Look at an app
  grille_info:
    app: shop
  register: shop

- name: Look at the grid
  grille_info:
  register: grid
"""

RETURN = r"""
app:
  description: The app as C(GET /apps/<app>) of the controller tells it.
  type: dict
  returned: with O(app)
lines:
  description: The app's last lines of output, each with C(job), C(stream), C(text) and C(time), and of requests to it
    (C(job) is V(router) then); none without O(tail).
  type: list
  elements: dict
  returned: with O(app)
text:
  description: The same lines as text, each with its job's id.
  type: list
  elements: str
  returned: with O(app)
missing:
  description: Hosts, and C(router/<id>), that did not give their lines.
  type: list
  elements: str
  returned: with O(app)
apps:
  description: All apps.
  type: list
  elements: dict
  returned: without O(app)
hosts:
  description: The hosts that are up.
  type: list
  elements: dict
  returned: without O(app)
queues:
  description: The queues of deployments, builds and one-off runs.
  type: dict
  returned: without O(app)
report:
  description: All of it as lines for people to read.
  type: list
  elements: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.errors import NotFound
from ..module_utils.grille.names import check_app
from ..module_utils.grille_compare import without_secrets
from ..module_utils.grille_module import Result, arguments, client, find, run
from ..module_utils.grille_report import of_app, of_grid

ARGUMENTS = arguments(
    app={"type": "str"},
    tail={"type": "int", "default": 0},
    process={"type": "str"},
    reveal_env={"type": "bool", "default": False},
)


def look(module: AnsibleModule) -> Result:
    """The app's state, or the grid's."""
    params: dict[str, Any] = module.params
    api = client(params)
    if params["app"] is not None:
        return {"changed": False, **_app(api, params)}
    apps, hosts, queues = api.get("/apps", system=1), api.get("/hosts"), api.get("/queues")
    return {"changed": False, "apps": apps, "hosts": hosts, "queues": queues, "report": of_grid(apps, hosts, queues)}


def _app(api: Client, params: dict[str, Any]) -> Result:
    name = check_app(params["app"])
    found = find(api, f"/apps/{name}")
    if found is None:
        known = ", ".join(app["name"] for app in api.get("/apps")) or "none yet"
        raise NotFound(f"there is no app {name!r}", remedy=f"apps: {known}", code="unknown_app")
    logs: dict[str, Any] = {"lines": [], "missing": []}
    if params["tail"] > 0:
        logs = api.get(f"/apps/{name}/logs", tail=params["tail"], process=params["process"])
    text = [f"{line['job']}: {line['text']}" for line in logs["lines"]]
    app = found if params["reveal_env"] else without_secrets(found)
    return {"app": app, "lines": logs["lines"], "missing": logs["missing"], "text": text, "report": of_app(found)}


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
