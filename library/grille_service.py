#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: an instance of a service that the grid did not start itself, in discoverd."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_service
short_description: Register an instance of a service with discoverd
description:
  - For services that the grid does not run itself, like a database, so that apps find them where they find the others.
  - A registration lives for O(ttl) seconds after it was made or last renewed; running the task again renews it.
options:
  service:
    description: Name of the service, a DNS label.
    type: str
    required: true
  id:
    description: Id of the instance, a DNS label.
    type: str
    required: true
  address:
    description: IP address or host name of the instance, needed when it is to be registered.
    type: str
  port:
    description: TCP port of the instance, needed when it is to be registered.
    type: int
  protocol:
    description: What is spoken there.
    type: str
    default: tcp
  metadata:
    description: Anything about the instance that its users should know; strings.
    type: dict
    default: {}
  ttl:
    description: Seconds that the registration lives without being renewed, at most 3600.
    type: float
    default: 3600.0
  state:
    description: Whether the instance is registered.
    type: str
    choices: [present, absent]
    default: present
  discoverd_url:
    description: URL of discoverd; by default the one in C(/etc/grille/client.json) on the target host.
    type: str
attributes:
  check_mode:
    support: full
    description: Compares and changes nothing.
  diff_mode:
    support: full
    description: Shows the instance before and after.
  idempotent:
    support: full
    description: Says unchanged when the registration is there already; it is renewed all the same.
  action:
    support: full
    description: Takes the token from the environment of the control node.
extends_documentation_fragment: [grille.grille.auth]
"""

EXAMPLES = r"""
- name: Tell the grid where the database is
  grille_service:
    service: postgres
    id: main
    address: 192.0.2.20
    port: 5432
"""

RETURN = r"""
instance:
  description: The instance; empty when it is absent.
  type: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.names import check_label
from ..module_utils.grille_module import Result, arguments, client, find, run

ARGUMENTS = arguments(
    "discoverd",
    service={"type": "str", "required": True},
    id={"type": "str", "required": True},
    address={"type": "str"},
    port={"type": "int"},
    protocol={"type": "str", "default": "tcp"},
    metadata={"type": "dict", "default": {}},
    ttl={"type": "float", "default": 3600.0},
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
)


def ensure(module: AnsibleModule) -> Result:
    """Bring the registration to the state asked for; one that is there already is renewed."""
    params: dict[str, Any] = module.params
    service, ident = check_label("service", params["service"]), check_label("instance id", params["id"])
    api, path = client(params, "discoverd"), f"/services/{service}/instances/{ident}"
    found = (find(api, path) or {}).get("instance", {})
    wanted: dict[str, Any] = {}
    if params["state"] == "present":
        wanted = {name: params[name] for name in ("address", "port", "protocol")}
        wanted["metadata"] = {str(name): str(value) for name, value in params["metadata"].items()}
    before = {name: found.get(name) for name in ("address", "port", "protocol", "metadata")} if found else {}
    if wanted and not module.check_mode:
        api.put(path, {**wanted, "ttl": params["ttl"]})
    elif before and not wanted and not module.check_mode:
        api.delete(path)
    instance = {"id": ident, "service": service, **wanted} if wanted else {}
    return {"changed": before != wanted, "instance": instance, "diff": {"before": before, "after": wanted}}


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ("address", "port"))],
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
