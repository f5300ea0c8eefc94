#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: a job of the host's agent, among them the grid's own bricks."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_job
short_description: Have the host's agent run a job, or stop one
description:
  - Desires a job of the agent on the target host, without the controller. This is how the grid's own bricks are laid;
    apps are better served by M(grille.grille.grille_deploy).
  - When the specification of one of the grid's own jobs (C(critical)) changes, the agent replaces its container at
    once. Another job keeps its container until that ends - give a changed job a new id, as releases do.
options:
  id:
    description: The job's id, which is its container's name.
    type: str
    required: true
  state:
    description: Whether the job is to run.
    type: str
    choices: [present, absent]
    default: present
  spec:
    description:
      - The job's specification, C(JobSpec) in C(src/grille/wire/specs.py); C(id), C(host) and C(created) are filled in.
      - Needed when the job is to run.
    type: dict
    default: {}
  force:
    description: Whether one of the grid's own jobs may be stopped.
    type: bool
    default: false
  wait:
    description: Whether to wait until the job is up, or gone.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait at most.
    type: float
    default: 120.0
  agent_url:
    description: URL of the agent; by default the one in C(/etc/grille/client.json) on the target host.
    type: str
  token_file:
    description: File on the target host with the token; the agent wants an C(admin) token.
    type: path
    default: /etc/grille/tokens/admin
attributes:
  check_mode:
    support: full
    description: Compares and changes nothing.
  diff_mode:
    support: full
    description: Shows the parts of the specification that differ.
  idempotent:
    support: full
    description: Does nothing when the job has this specification.
extends_documentation_fragment: [grille.grille.auth]
"""

EXAMPLES = r"""
- name: Run discoverd on this host
  grille_job:
    id: grille-discoverd
    spec:
      app: discoverd
      process: discoverd
      kind: service
      release: 1
      image: grille/system:latest
      command: [python3, -m, grille.discovery]
      critical: true
      network: host
"""

RETURN = r"""
job:
  description: The job as the agent tells it, empty when it is absent.
  type: dict
  returned: success
"""

import time
from dataclasses import asdict, fields
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille.errors import Failed, InvalidValue
from ..module_utils.grille.names import check_label
from ..module_utils.grille.specs import JobSpec
from ..module_utils.grille_compare import masked
from ..module_utils.grille_instances import describe
from ..module_utils.grille_module import Result, arguments, client, find, run, until

ARGUMENTS = {
    **arguments(
        "agent",
        id={"type": "str", "required": True},
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        spec={"type": "dict", "default": {}},
        force={"type": "bool", "default": False},
        wait={"type": "bool", "default": True},
        wait_timeout={"type": "float", "default": 120.0},
    ),
    "token_file": {"type": "path", "default": "/etc/grille/tokens/admin", "no_log": False},
}
FILLED = ("id", "host", "created")


def ensure(module: AnsibleModule) -> Result:
    """Bring the job to the state asked for."""
    params: dict[str, Any] = module.params
    ident = check_label("job id", params["id"])
    api = client(params, "agent")
    found = find(api, f"/jobs/{ident}") or {}
    if params["state"] == "absent":
        return _absent(module, api, ident, bool(found))
    return _present(module, api, ident, found.get("spec") or {})


def _absent(module: AnsibleModule, api: Client, ident: str, there: bool) -> Result:
    if there and not module.check_mode:
        api.call("DELETE", f"/jobs/{ident}", query={"force": "1" if module.params["force"] else None})
        if module.params["wait"]:
            until(lambda: _gone(api, ident), f"stopping {ident}", module.params["wait_timeout"])
    before = {"id": ident, "state": "present" if there else "absent"}
    return {"changed": there, "job": {}, "diff": {"before": before, "after": {"id": ident, "state": "absent"}}}


def _present(module: AnsibleModule, api: Client, ident: str, current: dict[str, Any]) -> Result:
    wanted = complete(ident, module.params["spec"])
    before, after = difference(current, wanted)
    changed = bool(after)
    result: Result = {"changed": changed, "job": {}, "diff": {"before": before, "after": after}}
    if module.check_mode:
        return result
    if changed:
        api.put(f"/jobs/{ident}", {**wanted, "id": ident, "host": api.get("/status")["host"], "created": time.time()})
    if module.params["wait"]:
        until(lambda: _not_up(api, ident), f"starting {ident}", module.params["wait_timeout"])
    return {**result, "job": api.get(f"/jobs/{ident}")}


def complete(ident: str, spec: dict[str, Any]) -> dict[str, Any]:
    """``spec`` with the defaults of a JobSpec for what it does not say.

    Raises:
        InvalidValue: a field that a JobSpec does not have, or none of those that it must have.
    """
    known = {field.name: field for field in fields(JobSpec) if field.name not in FILLED}
    unknown = sorted(set(spec) - set(known))
    if unknown:
        raise InvalidValue(f"spec of job {ident} has an unknown field {unknown[0]!r}", remedy=f"use {', '.join(known)}")
    lacking = [name for name in ("app", "process", "release", "kind", "image") if not spec.get(name)]
    if lacking:
        raise InvalidValue(f"spec of job {ident} has no {lacking[0]}", remedy="see JobSpec in docs/contracts.md")
    usual = asdict(JobSpec(id=ident, host="", app="", process="", release=0, kind="service", image="", created=0.0))
    whole = {name: spec.get(name, usual[name]) for name in known}
    for name in ("health", "resources"):
        whole[name] = {**usual[name], **whole[name]}
    whole["mounts"] = [{"read_only": False, **mount} for mount in whole["mounts"]]
    return whole


def difference(current: dict[str, Any], wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, as they are and as they should be; of env the names alone."""
    names = [name for name in wanted if name not in current or current[name] != wanted[name]]
    before = {name: current[name] for name in names if name in current}
    after = {name: wanted[name] for name in names}
    if "env" in after:
        before["env"], after["env"] = masked(before.get("env", {}), after["env"])
    return before, after


def _gone(api: Client, ident: str) -> list[str]:
    job = find(api, f"/jobs/{ident}")
    return [f"{ident} is {describe(job['status'])}"] if job else []


def _not_up(api: Client, ident: str) -> list[str]:
    status = (find(api, f"/jobs/{ident}") or {}).get("status") or {"state": "pending"}
    if status["state"] == "failed":
        raise Failed(f"job {ident} failed: {status.get('reason')}", remedy=f"read its output: docker logs {ident}")
    return [] if status["state"] == "up" else [f"{ident} is {describe(status)}"]


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
