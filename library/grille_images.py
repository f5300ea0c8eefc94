#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: the images that a host's grid and apps run on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_images
short_description: Make or pull the images that the grid and its apps run on
description:
  - Sees that a host has the run, build and system images; makes them with C(images/build.sh), or pulls them.
  - The work goes on in the background and the module returns with what it has said so far; the action plugin of the
    same name asks again until it is done, and shows each line as it comes.
options:
  source:
    description: Folder on the host with C(images/), C(src/) and C(buildpacks/); used when there are no O(images).
    type: path
  images:
    description: The run, build and system images to pull; empty to make them.
    type: list
    elements: str
    default: []
  environment:
    description: Environment variables for C(images/build.sh).
    type: dict
    default: {}
  log:
    description: File on the host that keeps the output of the last time.
    type: path
    default: /var/log/grille-images.log
  cursor:
    description: How much of the output is known; the action plugin sets it. Below zero starts the work.
    type: int
    default: -1
  docker_socket:
    description: The unix socket of Docker Engine.
    type: path
    default: /var/run/docker.sock
attributes:
  check_mode:
    support: full
    description: Tells whether an image is missing.
  diff_mode:
    support: full
    description: Lists the images that are missing.
  idempotent:
    support: full
    description: Does nothing when the images are there; their names have a digest of what they are made from.
  action:
    support: full
    description: Shows the output as it comes.
author:
  - Grille's contributors (@grille)
"""

EXAMPLES = r"""
- name: Make the images
  grille_images:
    source: /var/lib/grille/stack

- name: Pull them
  grille_images:
    images:
      - registry.example.org/grille/run:1.0
      - registry.example.org/grille/build:1.0
      - registry.example.org/grille/system:1.0
"""

RETURN = r"""
images:
  description: The names of the run, build and system images.
  type: list
  elements: str
  returned: success
  sample: ["grille/run:79bf556c5c6c", "grille/build:0cc3387ac3ae", "grille/system:4da5fd481620"]
missing:
  description: Those that the host did not have.
  type: list
  elements: str
  returned: success
"""

import os
import shlex
import subprocess
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.docker_engine import Engine, EngineError

WAIT = 5.0  # seconds until the module returns although nothing was said
SKIPPED = ("", "ok")


def command(source: str, images: list[str]) -> str:
    """The shell command that makes or pulls the images."""
    if images:
        return " && ".join(f"docker pull {shlex.quote(name)}" for name in images)
    return shlex.quote(os.path.join(source, "images", "build.sh"))


def start(work: str, log: str, environment: dict[str, Any]) -> None:
    """Start ``work`` in the background; its output goes to ``log``, its exit code to ``log``.exit."""
    script = f"{work} >{shlex.quote(log)} 2>&1; echo $? >{shlex.quote(log)}.exit"
    for leftover in (log, f"{log}.exit"):
        if os.path.exists(leftover):
            os.unlink(leftover)
    subprocess.Popen(
        ["/bin/sh", "-c", script],
        env={**os.environ, **{name: str(value) for name, value in environment.items()}},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def news(log: str, cursor: int) -> tuple[list[str], int, int | None]:
    """Whole lines said after ``cursor``, the next cursor, and the exit code when the work has ended."""
    end = time.monotonic() + WAIT
    while True:
        code = _exit_code(f"{log}.exit")
        lines, after = said(_read(log)[cursor:], whole=code is None)
        if lines or code is not None or time.monotonic() > end:
            return lines, cursor + after, code
        time.sleep(0.2)


def said(data: bytes, *, whole: bool) -> tuple[list[str], int]:
    """The lines in ``data`` and how many bytes they took; with ``whole`` an unfinished last line waits."""
    size = data.rfind(b"\n") + 1 if whole else len(data)
    lines = data[:size].decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.partition(" ")[0] not in SKIPPED], size


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _exit_code(path: str) -> int | None:
    text = _read(path).strip()
    return int(text) if text.isdigit() else None


def names(module: AnsibleModule) -> list[str]:
    """The names of the images that the host should have."""
    if module.params["images"]:
        return list(module.params["images"])
    if not module.params["source"]:
        module.fail_json(msg="neither images nor source are given; give the folder with images/build.sh as source")
    words = [os.path.join(module.params["source"], "images", "build.sh"), "--tags"]
    if module.check_mode and not os.path.exists(words[0]):  # a host that has not got the sources yet
        return ["grille/run", "grille/build", "grille/system"]
    environment = {name: str(value) for name, value in module.params["environment"].items()}
    code, out, errors = module.run_command(words, environ_update=environment)
    if code:
        module.fail_json(msg=(errors.strip().splitlines() or [f"{words[0]} exited with {code}"])[-1])
    return str(out).split()


def ensure(module: AnsibleModule, engine: Engine) -> dict[str, Any]:
    """Start the work if an image is missing, or look how far it is; the module's result."""
    wanted = names(module)
    alive = not module.check_mode or engine.alive()
    missing = [name for name in wanted if not alive or engine.find(f"/images/{name}/json") is None]
    diff = {"before": "", "after": "".join(f"{name}\n" for name in missing)}
    result = {"images": wanted, "missing": missing, "diff": diff, "lines": [], "cursor": 0, "done": True}
    log, cursor = module.params["log"], module.params["cursor"]
    if cursor < 0:
        if not missing or module.check_mode:
            return {**result, "changed": bool(missing)}
        start(command(module.params["source"] or "", module.params["images"]), log, module.params["environment"])
    lines, after, code = news(log, max(cursor, 0))
    if code:
        last = (lines or ["no output"])[-1]
        module.fail_json(msg=f"images were not made: {last} (all of it: {log})", lines=lines)
    return {**result, "changed": True, "lines": lines, "cursor": after, "done": code is not None}


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "path"},
            "images": {"type": "list", "elements": "str", "default": []},
            "environment": {"type": "dict", "default": {}},
            "log": {"type": "path", "default": "/var/log/grille-images.log"},
            "cursor": {"type": "int", "default": -1},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**ensure(module, Engine(module.params["docker_socket"])))
    except EngineError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
