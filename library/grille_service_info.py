#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: what discoverd knows of a service, or of all of them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_service_info
short_description: Find the instances of a service
description:
  - With O(service), its instances, its leader, its settings, and the checks of those outside the grid.
  - Without it, the names of all services, and all checks.
  - The answer comes from discoverd's copy when the store is away; C(stale) and C(age) tell.
options:
  service:
    description: Name of the service, a DNS label.
    type: str
  protocol:
    description: Only instances that speak this protocol.
    type: str
  host:
    description: Only instances on this host.
    type: str
  metadata:
    description: Only instances whose metadata have all of these; strings.
    type: dict
    default: {}
  discoverd_url:
    description: URL of discoverd; by default the one in C(/etc/grille/client.json) on the target host.
    type: str
extends_documentation_fragment: [grille.grille.reading, grille.grille.auth]
"""

EXAMPLES = r"""
- name: Find the primary database
  grille_service_info:
    service: postgres
    metadata:
      role: primary
  register: postgres

- name: See what is registered
  grille_service_info:
  register: all
"""

RETURN = r"""
instances:
  description: The instances that agree with what is asked for, the oldest first; none is an empty list.
  type: list
  elements: dict
  returned: with O(service)
leader:
  description: The instance that leads the whole service; empty when none does.
  type: dict
  returned: with O(service)
settings:
  description: What is set for the service, with C(leader), the rule, and C(metadata).
  type: dict
  returned: with O(service)
services:
  description: All services, each with C(name), C(instances), their number, and C(leader), an id.
  type: list
  elements: dict
  returned: without O(service)
outside:
  description: What is registered with a check, each with C(outside), C(passing), C(since), C(reason), C(checked_by).
  type: list
  elements: dict
  returned: success
revision:
  description: The store's revision up to which the answer is complete.
  type: int
  returned: success
stale:
  description: Whether the answer is a copy because the store is away.
  type: bool
  returned: success
age:
  description: Seconds since the store was heard of; V(0) when it is not stale.
  type: float
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.names import check_label
from ..module_utils.grille_module import Result, arguments, client, run

ARGUMENTS = arguments(
    "discoverd",
    service={"type": "str"},
    protocol={"type": "str"},
    host={"type": "str"},
    metadata={"type": "dict", "default": {}},
)
FRESHNESS = ("revision", "stale", "age")


def look(module: AnsibleModule) -> Result:
    """The service's state, or all services."""
    params: dict[str, Any] = module.params
    api = client(params, "discoverd")
    if params["service"] is not None:
        return {"changed": False, **_service(api, params)}
    found = api.get("/services")
    fresh = {name: found[name] for name in FRESHNESS}
    return {"changed": False, "services": found["services"], "outside": api.get("/outside")["outside"], **fresh}


def _service(api: Client, params: dict[str, Any]) -> Result:
    path = f"/services/{check_label('service', params['service'])}"
    wanted = {f"meta.{name}": str(value) for name, value in params["metadata"].items()}
    found = api.get(f"{path}/instances", protocol=params["protocol"], host=params["host"], **wanted)
    whole = api.get(path)
    return {
        "instances": found["instances"],
        "leader": whole["leader"] or {},
        "settings": whole["settings"],
        "outside": api.get(f"{path}/outside")["outside"],
        **{name: found[name] for name in FRESHNESS},
    }


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
