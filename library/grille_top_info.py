#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: which services the routers are busy with."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_top_info
short_description: Read which services get the requests
description:
  - Asks all routers, through the controller, for the services that routes lead to, the busiest first.
  - Rates are a second, over the last few seconds. Latencies are those to the first byte of the answer, in the last
    minute of the access log, or less where many requests have pushed older lines out; of several routers, the worst.
options:
  by:
    description: What the services are ordered by; V(latency) is the 0.99 quantile.
    type: str
    choices: [requests, errors, latency, sessions]
    default: requests
  limit:
    description: How many services to return, at most 1000.
    type: int
    default: 20
extends_documentation_fragment: [grille.grille.reading, grille.grille.auth, grille.grille.controller]
"""

EXAMPLES = r"""
- name: See who answers slowly
  grille_top_info:
    by: latency
    limit: 5
  register: top
"""

RETURN = r"""
services:
  description: The services, each with C(service), C(variant), C(app), C(process), C(requests), C(errors) and C(bytes)
    (a second), C(sessions), C(queue), C(servers), C(latency) (seconds by quantile), C(routes) and C(more).
  type: list
  elements: dict
  returned: success
routers:
  description: The routers that answered.
  type: list
  elements: str
  returned: success
missing:
  description: The routers that did not.
  type: list
  elements: str
  returned: success
report:
  description: The same as a table for people to read.
  type: list
  elements: str
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.busy import ORDERS
from ..module_utils.grille_module import Result, arguments, client, run
from ..module_utils.grille_top import of_top

ARGUMENTS = arguments(
    by={"type": "str", "choices": list(ORDERS), "default": "requests"},
    limit={"type": "int", "default": 20},
)


def look(module: AnsibleModule) -> Result:
    """The busiest services."""
    params: dict[str, Any] = module.params
    found = client(params).get("/top", by=params["by"], limit=params["limit"])
    told = {name: found[name] for name in ("services", "routers", "missing")}
    return {"changed": False, **told, "report": of_top(found)}


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
