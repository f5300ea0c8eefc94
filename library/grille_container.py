#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: one container of layer 0, those that run before any agent does."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_container
short_description: Keep one container of Grille's layer 0 (etcd, the agent, its guard) as described
description:
  - Creates, starts, makes anew or removes one container on the host network with a restart policy.
  - The description is kept in the label C(grille.config), so a container is made anew exactly when its description,
    or the image behind the name, has changed.
options:
  name:
    description: Name of the container.
    type: str
    required: true
  state:
    description: Whether the container should run or not be there.
    type: str
    choices: [started, absent]
    default: started
  image:
    description: Image to run, present on the host; required with O(state=started).
    type: str
  keep_image:
    description: Whether a container that is there keeps the image it has, until something else makes it anew.
    type: bool
    default: false
  command:
    description: Arguments to the image's entry point; empty for the image's own.
    type: list
    elements: str
    default: []
  first_arguments:
    description:
      - Arguments appended to O(command), which matter only where there is no data yet. A difference in them does not
        make a container anew.
    type: list
    elements: str
    default: []
  env:
    description: Environment variables.
    type: dict
    default: {}
  labels:
    description: Labels of the container.
    type: dict
    default: {}
  mounts:
    description: Folders and files of the host seen in the container.
    type: list
    elements: dict
    default: []
    suboptions:
      source:
        description: Path on the host.
        type: path
        required: true
      target:
        description: Path in the container.
        type: path
        required: true
      read_only:
        description: Whether the container may only read it.
        type: bool
        default: false
      propagation:
        description: How mounts made on one side are seen on the other.
        type: str
        choices: [rprivate, rshared, rslave]
        default: rprivate
  capabilities:
    description: Linux capabilities added to Docker's default set.
    type: list
    elements: str
    default: []
  security_options:
    description: Docker's security options.
    type: list
    elements: str
    default: []
  device_rules:
    description: Device cgroup rules, like V(c 10:237 rwm).
    type: list
    elements: str
    default: []
  pid_mode:
    description: Process namespace; V(host) for the host's, empty for its own.
    type: str
    default: ""
  cgroup_mode:
    description: Cgroup namespace; V(host) for the host's, empty for Docker's default.
    type: str
    default: ""
  memory:
    description: Memory limit in MiB; 0 for none.
    type: int
    default: 0
  stop_timeout:
    description: Seconds between SIGTERM and SIGKILL when the container is stopped.
    type: int
    default: 10
  health_url:
    description:
      - URL that answers 200 when the container is well. Waited for after a container was made anew, so that members
        of a cluster are restarted one by one; not after the first start, when the others may not be there yet.
    type: str
  health_timeout:
    description: Seconds to wait for O(health_url).
    type: int
    default: 60
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
    description: Shows the description that the container has and would have.
  idempotent:
    support: full
    description: A second run with the same parameters changes nothing.
author:
  - Grille's contributors (@grille)
"""

EXAMPLES = r"""
- name: Run an etcd member
  grille_container:
    name: grille-etcd
    image: grille/system:0f3a
    command: [etcd, --data-dir, /var/lib/grille/etcd]
    labels: {grille.layer: "0"}
    mounts:
      - {source: /var/lib/grille/etcd, target: /var/lib/grille/etcd}

- name: Remove it again
  grille_container:
    name: grille-etcd
    state: absent
"""

RETURN = r"""
actions:
  description: What was done (in check mode, what would be), in order.
  type: list
  elements: str
  returned: success
  sample: [remove, create, start]
"""

import time
import urllib.request
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.docker_container import decide, describe, described, kept, request
from ..module_utils.docker_engine import Engine, EngineError, name_path

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["started", "absent"], "default": "started"},
    "image": {"type": "str"},
    "keep_image": {"type": "bool", "default": False},
    "command": {"type": "list", "elements": "str", "default": []},
    "first_arguments": {"type": "list", "elements": "str", "default": []},
    "env": {"type": "dict", "default": {}},
    "labels": {"type": "dict", "default": {}},
    "mounts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "source": {"type": "path", "required": True},
            "target": {"type": "path", "required": True},
            "read_only": {"type": "bool", "default": False},
            "propagation": {"type": "str", "choices": ["rprivate", "rshared", "rslave"], "default": "rprivate"},
        },
    },
    "capabilities": {"type": "list", "elements": "str", "default": []},
    "security_options": {"type": "list", "elements": "str", "default": []},
    "device_rules": {"type": "list", "elements": "str", "default": []},
    "pid_mode": {"type": "str", "default": ""},
    "cgroup_mode": {"type": "str", "default": ""},
    "memory": {"type": "int", "default": 0},
    "stop_timeout": {"type": "int", "default": 10},
    "health_url": {"type": "str"},
    "health_timeout": {"type": "int", "default": 60},
    "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
}


def carry_out(engine: Engine, params: dict[str, Any], actions: list[str], wanted: dict[str, Any] | None) -> None:
    """Do ``actions`` on the container that ``params`` name, in order."""
    name, first = params["name"], params["first_arguments"]
    for action in actions:
        if action == "remove":
            engine.call("POST", name_path("containers", name, "stop"), ignore=(304, 404))
            engine.call("DELETE", name_path("containers", name) + "?force=true", ignore=(404,))
        elif action == "create":
            engine.call("POST", f"/containers/create?name={name}", request(wanted or {}, first))
        else:
            engine.call("POST", name_path("containers", name, "start"), ignore=(304,))


def image_id(module: AnsibleModule, engine: Engine) -> str:
    """The id of the image to run; fails the module when the host has none (in check mode it may yet be made)."""
    name = module.params["image"]
    found = engine.find(f"/images/{name}/json")
    if found is None and not module.check_mode:
        module.fail_json(msg=f"image {name} is not on this host; run the role stack_image first")
    return str((found or {}).get("Id", ""))


def well(url: str, seconds: float) -> bool:
    """Whether ``url`` answers 200 within ``seconds``."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if answer.status == 200:
                    return True
        except OSError:
            pass
        time.sleep(0.5)
    return False


def wait(module: AnsibleModule) -> None:
    """Wait until the container that was made anew is well; fails the module when it does not become so."""
    name, url, seconds = (module.params[key] for key in ("name", "health_url", "health_timeout"))
    if url and not well(url, seconds):
        module.fail_json(msg=f"{name} was made anew and is not well after {seconds} s; see docker logs {name}")


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, required_if=[("state", "started", ("image",))], supports_check_mode=True
    )
    engine, name = Engine(module.params["docker_socket"]), module.params["name"]
    started = module.params["state"] == "started"
    if module.check_mode and not engine.alive():
        module.exit_json(changed=started, actions=["create", "start"] if started else [])
    try:
        wanted = describe(module.params, image_id(module, engine)) if started else None
        found = engine.find(name_path("containers", name, "json"))
        compared = kept(found, wanted) if wanted and module.params["keep_image"] else wanted
        actions = decide(found, compared)
        if not actions:
            wanted = compared
        if not module.check_mode:
            carry_out(engine, module.params, actions, wanted)
            if actions == ["remove", "create", "start"]:
                wait(module)
    except EngineError as error:
        module.fail_json(msg=str(error))
    diff = {"before": described(found), "after": wanted or {}}
    module.exit_json(changed=bool(actions), actions=actions, diff=diff)


if __name__ == "__main__":
    main()
