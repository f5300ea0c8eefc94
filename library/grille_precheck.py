#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: whether a host can take its part in a grid."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_precheck
short_description: See whether a host can take its part in a grid, before anything on it is touched
description:
  - Checks the operating system, the user, free disk, the kernel's file systems and that ports are free.
  - Fails with one line for each problem, each with its remedy. Changes nothing, ever.
options:
  system:
    description: Whether to check the operating system and that the module runs as root.
    type: bool
    default: false
  disk_path:
    description: Folder whose file system must have O(disk_free_mib) free; the nearest one that exists counts.
    type: path
  disk_free_mib:
    description: MiB that must be free there.
    type: int
    default: 5120
  filesystems:
    description: File systems whose absence from the kernel is worth a warning.
    type: list
    elements: str
    default: []
  ports:
    description: Ports that must be free, or taken by Grille's own container.
    type: list
    elements: dict
    default: []
    suboptions:
      port:
        description: The port.
        type: int
        required: true
      address:
        description: The address to listen on; V(*) for all.
        type: str
        default: "*"
      udp:
        description: Whether the UDP port of that number must be free too; the TCP port always must.
        type: bool
        default: false
      container:
        description: Grille's container that listens there on a host that is set up already.
        type: str
        required: true
      remedy:
        description: What to do when somebody else has it, besides stopping them.
        type: str
        default: ""
  docker_socket:
    description: The unix socket of Docker Engine.
    type: path
    default: /var/run/docker.sock
attributes:
  check_mode:
    support: full
    description: Never changes anything.
  diff_mode:
    support: none
    description: There is nothing to show.
  idempotent:
    support: full
    description: Never changes anything.
author:
  - Grille's contributors (@grille)
"""

EXAMPLES = r"""
- name: See that etcd's port is free
  grille_precheck:
    ports:
      - {port: 2379, address: 127.0.0.1, container: grille-etcd}
"""

RETURN = r"""
checked:
  description: What was looked at, and found well.
  type: list
  elements: str
  returned: success
  sample: ["system", "port 2379"]
"""

import glob
import os
import re
import shutil
import socket
import struct
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.docker_engine import Engine, EngineError, name_path

SUPPORTED = {"debian": 12, "ubuntu": 24}
LISTEN, BOUND = "0A", "07"  # states of a TCP socket that listens, of a UDP socket without a peer
WITHOUT = {
    "squashfs": "slugs are unpacked on this host instead of mounted",
    "overlay": "apps built from source cannot run on this host",
}


class Listener(NamedTuple):
    """A socket as /proc/net/tcp or /proc/net/udp has it; ``address`` is empty for all addresses."""

    address: str
    port: int
    inode: str


def parse_os_release(text: str) -> tuple[str, str]:
    """(ID, VERSION_ID) of an os-release(5) file."""
    fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
    return fields.get("ID", "unknown"), fields.get("VERSION_ID", "")


def os_problem(ident: str, version: str) -> str:
    """Why this operating system will not do; empty when it will."""
    major = version.partition(".")[0]
    if ident in SUPPORTED and (not major or (major.isdigit() and int(major) >= SUPPORTED[ident])):
        return ""
    return f"{ident} {version} is not supported; use Debian 12 or later, or Ubuntu 24.04 or later"


def parse_listeners(text: str, state: str = LISTEN) -> list[Listener]:
    """The sockets in ``state`` in the text of /proc/net/tcp, tcp6, udp or udp6 (proc(5))."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == state:
            address, _, port = fields[1].partition(":")
            found.append(Listener(_address(address), int(port, 16), fields[9]))
    return found


def _address(digits: str) -> str:
    words = [struct.pack("<I", int(digits[at : at + 8], 16)) for at in range(0, len(digits), 8)]
    raw = b"".join(words)
    if not any(raw):
        return ""
    if len(raw) == 16 and raw.startswith(bytes(10) + b"\xff\xff"):
        raw = raw[12:]
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def clash(listeners: list[Listener], address: str, port: int) -> Listener | None:
    """The listener that keeps a new one from ``address:port``, if there is one."""
    for one in listeners:
        if one.port == port and (not one.address or address in ("*", one.address)):
            return one
    return None


def disk_problem(path: str, wanted_mib: int, free_bytes: int) -> str:
    """Why there is too little disk; empty when there is enough."""
    free = free_bytes // (1024 * 1024)
    if free >= wanted_mib:
        return ""
    return f"{path} has {free} MiB free, {wanted_mib} are needed; free some, or mount a larger disk at {path}"


def holder(inode: str) -> str:
    """The pid of the process that holds the socket ``inode``; empty when it cannot be seen."""
    for link in glob.iglob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link) == f"socket:[{inode}]":
                return link.split("/")[2]
        except OSError:
            continue
    return ""


def owner(pid: str) -> str:
    """The process ``pid`` in words; "another process" when it cannot be seen."""
    name = _read(f"/proc/{pid}/comm").strip() if pid else ""
    return f"{name} (pid {pid})" if name else "another process"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def _nearest(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _ours(engine: Engine, container: str, pid: str) -> bool:
    """Whether ``container`` runs, and ``pid``, where it is known, in it (or both on the host)."""
    try:
        state = (engine.find(name_path("containers", container, "json")) or {}).get("State") or {}
    except EngineError:
        return False
    return bool(state.get("Running")) and (not pid or _namespace(pid) in ("", _namespace(str(state.get("Pid", "")))))


def _namespace(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def port_problems(wanted: list[dict[str, Any]], engine: Engine) -> list[str]:
    """One line for each port of ``wanted`` that somebody else listens on."""
    tcp = parse_listeners(_read("/proc/net/tcp")) + parse_listeners(_read("/proc/net/tcp6"))
    udp = parse_listeners(_read("/proc/net/udp"), BOUND) + parse_listeners(_read("/proc/net/udp6"), BOUND)
    problems = []
    for one in wanted:
        taken = clash(tcp + udp if one["udp"] else tcp, one["address"], one["port"])
        pid = holder(taken.inode) if one["port"] and taken else ""
        if one["port"] and taken and not _ours(engine, one["container"], pid):
            remedy = f"stop it{', or ' + one['remedy'] if one['remedy'] else ''}"
            problems.append(f"port {one['port']} is taken by {owner(pid)}; {remedy}")
    return problems


def system_problems() -> list[str]:
    """One line for each way in which the host's system or the user will not do."""
    problems = [os_problem(*parse_os_release(_read("/etc/os-release")))]
    if os.geteuid() != 0:
        problems.append("these roles need root; connect as root, or set become: true in the inventory")
    return [problem for problem in problems if problem]


def _has_filesystem(module: AnsibleModule, name: str) -> bool:
    if name in _read("/proc/filesystems").split():
        return True
    modprobe = module.get_bin_path("modprobe")
    return bool(modprobe) and module.run_command([modprobe, "-q", name])[0] == 0


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(
        argument_spec={
            "system": {"type": "bool", "default": False},
            "disk_path": {"type": "path"},
            "disk_free_mib": {"type": "int", "default": 5120},
            "filesystems": {"type": "list", "elements": "str", "default": []},
            "ports": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "port": {"type": "int", "required": True},
                    "address": {"type": "str", "default": "*"},
                    "udp": {"type": "bool", "default": False},
                    "container": {"type": "str", "required": True},
                    "remedy": {"type": "str", "default": ""},
                },
            },
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    params = module.params
    problems = system_problems() if params["system"] else []
    if params["disk_path"]:
        free = shutil.disk_usage(_nearest(params["disk_path"])).free
        problems.append(disk_problem(params["disk_path"], params["disk_free_mib"], free))
    problems += port_problems(params["ports"], Engine(params["docker_socket"]))
    for name in params["filesystems"]:
        if not _has_filesystem(module, name):
            module.warn(f"the kernel has no {name}: {WITHOUT.get(name, 'something may not work')}")
    problems = [problem for problem in problems if problem]
    if problems:
        module.fail_json(msg="; ".join(problems), problems=problems)
    checked = (["system"] if params["system"] else []) + [f"port {one['port']}" for one in params["ports"]]
    module.exit_json(changed=False, checked=checked)


if __name__ == "__main__":
    main()
