#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: the Docker network of a host's jobs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_network
short_description: Lay the Docker bridge that a host's jobs are on
description:
  - Creates one bridge network with a fixed subnet, so that its gateway is an address that the bricks may listen on.
  - A network that differs is made anew while nothing is connected to it, and is an error otherwise.
options:
  name:
    description: Name of the network.
    type: str
    required: true
  state:
    description: Whether the network should be there.
    type: str
    choices: [present, absent]
    default: present
  subnet:
    description: Subnet in CIDR notation; required with O(state=present).
    type: str
  gateway:
    description: The host's own address on the bridge; required with O(state=present).
    type: str
  bridge:
    description: Name of the bridge's interface on the host, at most 15 characters.
    type: str
    default: grille0
  docker_socket:
    description: The unix socket of Docker Engine.
    type: path
    default: /var/run/docker.sock
attributes:
  check_mode:
    support: full
    description: Can run in check mode and tell whether it would change anything.
  diff_mode:
    support: full
    description: Shows what the network is and would be.
  idempotent:
    support: full
    description: A second run with the same parameters changes nothing.
author:
  - Grille's contributors (@grille)
"""

EXAMPLES = r"""
- name: Lay the jobs' network
  grille_network:
    name: grille
    subnet: 10.213.0.0/24
    gateway: 10.213.0.1
"""

RETURN = r"""
network:
  description: What the network is now (in check mode, what it would be).
  type: dict
  returned: O(state=present)
  sample: {"driver": "bridge", "subnet": "10.213.0.0/24", "gateway": "10.213.0.1", "bridge": "grille0"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.docker_engine import Engine, EngineError, name_path

BRIDGE_OPTION = "com.docker.network.bridge.name"


def describe(found: dict[str, Any] | None) -> dict[str, Any]:
    """The part of Docker's description of a network that this module keeps; empty for none."""
    if found is None:
        return {}
    config = ((found.get("IPAM") or {}).get("Config") or [{}])[0]
    return {
        "driver": found.get("Driver"),
        "subnet": config.get("Subnet"),
        "gateway": config.get("Gateway"),
        "bridge": (found.get("Options") or {}).get(BRIDGE_OPTION),
    }


def request(name: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The body of Docker's request that creates the network ``wanted``."""
    return {
        "Name": name,
        "Driver": wanted["driver"],
        "CheckDuplicate": True,
        "IPAM": {"Config": [{"Subnet": wanted["subnet"], "Gateway": wanted["gateway"]}]},
        "Options": {BRIDGE_OPTION: wanted["bridge"]},
        "Labels": {"grille": "1"},
    }


def in_use(found: dict[str, Any] | None) -> list[str]:
    """The names of the containers connected to the network."""
    return sorted(str(one.get("Name")) for one in ((found or {}).get("Containers") or {}).values())


def apply(module: AnsibleModule, engine: Engine, wanted: dict[str, Any]) -> dict[str, Any]:
    """Make the network what ``wanted`` says (empty: absent); the module's result."""
    name = module.params["name"]
    found = engine.find(name_path("networks", name))
    before = describe(found)
    result = {"changed": before != wanted, "diff": {"before": before, "after": wanted}}
    if not result["changed"]:
        return result
    users = in_use(found)
    if users:
        module.fail_json(
            msg=f"network {name} is {before} but should be {wanted or 'absent'}, and {', '.join(users)} use it; "
            "stop them first (make down), or keep the subnet"
        )
    if not module.check_mode:
        if found is not None:
            engine.call("DELETE", name_path("networks", name), ignore=(404,))
        if wanted:
            engine.call("POST", "/networks/create", request(name, wanted))
    return result


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "subnet": {"type": "str"},
            "gateway": {"type": "str"},
            "bridge": {"type": "str", "default": "grille0"},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        required_if=[("state", "present", ("subnet", "gateway"))],
        supports_check_mode=True,
    )
    wanted: dict[str, Any] = {}
    if module.params["state"] == "present":
        wanted = {"driver": "bridge", **{key: module.params[key] for key in ("subnet", "gateway", "bridge")}}
    engine = Engine(module.params["docker_socket"])
    if module.check_mode and not engine.alive():
        module.exit_json(changed=bool(wanted), diff={"before": {}, "after": wanted})
    try:
        result = apply(module, engine, wanted)
    except EngineError as error:
        module.fail_json(msg=str(error))
    if wanted:
        result["network"] = wanted
    module.exit_json(**result)


if __name__ == "__main__":
    main()
