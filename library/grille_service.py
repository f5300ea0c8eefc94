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
  - With O(check), discoverd checks the instance itself. The registration stays until it is removed; the instance is
    found while its check passes.
  - Without, a registration lives for O(ttl) seconds after it was made or last renewed; the task run again renews it.
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
  check:
    description:
      - How discoverd finds out that the instance is well. V({}) is a TCP check with the defaults.
      - An instance that stops is gone within C(interval) times C(threshold) seconds. One check that passes is enough
        to bring it back.
    type: dict
    suboptions:
      type:
        description: V(tcp) wants a connection to be accepted, V(http) a GET to answer 200 to 399.
        type: str
        choices: [tcp, http]
        default: tcp
      path:
        description: What an HTTP check asks for.
        type: str
        default: /
      interval:
        description: Seconds from one check to the next, 0.5 to 3600.
        type: float
        default: 5.0
      timeout:
        description: Seconds that a check may take; two fifths of the interval at most are used.
        type: float
        default: 2.0
      threshold:
        description: Checks that fail in a row until the instance is taken out, 1 to 10.
        type: int
        default: 3
  wait:
    description: Whether to wait until the check passes; without O(check) there is nothing to wait for.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for the check to pass. The registration stays when they are over.
    type: float
    default: 30.0
  ttl:
    description: Seconds that a registration without O(check) lives without being renewed, at most 3600.
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
    description: Says unchanged when the registration is there already, whether its check passes or not. One without
      a check is renewed all the same.
  action:
    support: full
    description: Takes the token from the environment of the control node.
extends_documentation_fragment: [grille.grille.auth]
"""

EXAMPLES = r"""
- name: Tell the grid where the database is, and have it checked
  grille_service:
    service: postgres
    id: main
    address: 192.0.2.20
    port: 5432
    check: {}

- name: Register something for an hour
  grille_service:
    service: reports
    id: nightly
    address: 192.0.2.21
    port: 8080
    protocol: http

- name: The database is no more
  grille_service:
    service: postgres
    id: main
    state: absent
"""

RETURN = r"""
instance:
  description: The instance; empty when it is absent.
  type: dict
  returned: success
passing:
  description: Whether the check passes; null when that is not known.
  type: bool
  returned: with O(check), when O(wait) is true and not in check mode
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.errors import TimedOut
from ..module_utils.grille.names import check_label
from ..module_utils.grille_module import POLL, Result, arguments, client, find, run

CHECK: dict[str, Any] = {
    "type": {"type": "str", "choices": ["tcp", "http"], "default": "tcp"},
    "path": {"type": "str", "default": "/"},
    "interval": {"type": "float", "default": 5.0},
    "timeout": {"type": "float", "default": 2.0},
    "threshold": {"type": "int", "default": 3},
}
ARGUMENTS = arguments(
    "discoverd",
    service={"type": "str", "required": True},
    id={"type": "str", "required": True},
    address={"type": "str"},
    port={"type": "int"},
    protocol={"type": "str", "default": "tcp"},
    metadata={"type": "dict", "default": {}},
    check={"type": "dict", "options": CHECK},
    wait={"type": "bool", "default": True},
    wait_timeout={"type": "float", "default": 30.0},
    ttl={"type": "float", "default": 3600.0},
    state={"type": "str", "choices": ["present", "absent"], "default": "present"},
)
FIELDS = ("address", "port", "protocol", "metadata")


class Registration:
    """The registration of one instance, of either kind, as discoverd has it."""

    def __init__(self, api: Client, service: str, ident: str) -> None:
        self._api, self._name = api, f"{service}/{ident}"
        self._checked = f"/services/{service}/outside/{ident}"
        self._plain = f"/services/{service}/instances/{ident}"

    def read(self) -> dict[str, Any]:
        """What is registered, with its ``check`` if it has one; empty when nothing is."""
        if outside := (find(self._api, self._checked) or {}).get("outside"):
            return {**_shown(outside["instance"]), "check": outside["check"]}
        return _shown((find(self._api, self._plain) or {}).get("instance", {}))

    def write(self, before: dict[str, Any], wanted: dict[str, Any], ttl: float) -> None:
        """Make it ``wanted``; empty: remove it. A plain one is renewed even if nothing differs."""
        if before and (not wanted or ("check" in before) != ("check" in wanted)):
            self._api.delete(self._checked if "check" in before else self._plain)
        if "check" in wanted and before != wanted:
            self._api.put(self._checked, wanted)
        elif wanted and "check" not in wanted:
            self._api.put(self._plain, {**wanted, "ttl": ttl})

    def passes(self, seconds: float) -> bool | None:
        """Wait until the check passes; raises TimedOut with the reason of the last failure."""
        end = time.monotonic() + seconds
        while not (seen := self._api.get(self._checked))["passing"]:
            if time.monotonic() > end:
                reason = seen["reason"] or f"host {seen['checked_by']} checks it and knows why"
                raise TimedOut(
                    f"the check of {self._name} did not pass within {seconds:g} s: {reason}",
                    remedy="see that it runs and that the grid's hosts reach it; it stays registered and is found "
                    "as soon as its check passes",
                    code="check_fails",
                )
            time.sleep(POLL)
        return bool(seen["passing"])


def _shown(instance: dict[str, Any]) -> dict[str, Any]:
    return {name: instance[name] for name in FIELDS if name in instance}


def ensure(module: AnsibleModule) -> Result:
    """Bring the registration to the state asked for."""
    params: dict[str, Any] = module.params
    service, ident = check_label("service", params["service"]), check_label("instance id", params["id"])
    registration = Registration(client(params, "discoverd"), service, ident)
    wanted: dict[str, Any] = {}
    if params["state"] == "present":
        wanted = {name: params[name] for name in ("address", "port", "protocol")}
        wanted["metadata"] = {str(name): str(value) for name, value in params["metadata"].items()}
        if params["check"] is not None:
            wanted["check"] = params["check"]
    before = registration.read()
    result: Result = {"changed": before != wanted, "diff": {"before": before, "after": wanted}}
    result["instance"] = {"id": ident, "service": service, **_shown(wanted)} if wanted else {}
    if not module.check_mode:
        registration.write(before, wanted, params["ttl"])
        if "check" in wanted and params["wait"]:
            result["passing"] = registration.passes(params["wait_timeout"])
    return result


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
