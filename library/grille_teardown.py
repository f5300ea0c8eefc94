#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: take a grid's containers, networks, volumes and mounts off a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_teardown
short_description: Take all that a grid runs off a host
description:
  - Removes the guard, the agent, then all other containers of Grille and etcd last, so that nothing starts again
    what is being stopped; then Grille's volumes and network, routes to other hosts' containers and the firewall's
    chains for them, and what is mounted below its folder.
  - Docker Engine stays. Data and secrets stay unless O(purge) says otherwise.
  - Safe to run again, and where there is nothing.
options:
  purge:
    description: Whether to remove the folders O(data) and O(config) as well.
    type: bool
    default: false
  data:
    description: The folder of Grille's data on the host.
    type: path
    default: /var/lib/grille
  config:
    description: The folder of Grille's configuration and secrets on the host.
    type: path
    default: /etc/grille
  network:
    description: The Docker network of jobs.
    type: str
    default: grille
  docker_socket:
    description: The unix socket of Docker Engine.
    type: path
    default: /var/run/docker.sock
attributes:
  check_mode:
    support: full
    description: Tells what would be removed.
  diff_mode:
    support: full
    description: Lists what is removed.
  idempotent:
    support: full
    description: A second run finds nothing.
author:
  - Grille's contributors (@grille)
"""

EXAMPLES = r"""
- name: Stop the grid on this host, keep its data
  grille_teardown:

- name: And forget that it was ever there
  grille_teardown:
    purge: true
"""

RETURN = r"""
removed:
  description: What was removed (in check mode, what would be), in order.
  type: list
  elements: str
  returned: success
  sample: ["container grille-guard", "container grille-agent", "network grille", "mount /var/lib/grille/agent/slugs/0f"]
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.docker_engine import Engine, EngineError, name_path

FIRST = ("grille-guard", "grille-agent")
LAST = ("grille-etcd",)
LABELS = ("grille.app", "grille.layer", "grille.job")
KINDS = ("squashfs", "overlay")
CHAINS = (("filter", "DOCKER-USER"), ("raw", "PREROUTING"))  # as the agent laid them
ROUTE_PROTOCOL = "113"
SBIN = ["/usr/sbin", "/sbin"]
STOP_SECONDS = 3
TOGETHER = 4


def in_order(names: list[str]) -> list[list[str]]:
    """Containers in batches: each batch is gone before the next is touched."""
    middle = sorted(name for name in names if name not in FIRST + LAST)
    batches = [[name] for name in FIRST if name in names] + [middle] + [[name] for name in LAST if name in names]
    return [batch for batch in batches if batch]


def mounts_below(folder: str, mountinfo: str) -> list[str]:
    """Grille's mount points below ``folder``, those mounted last first (proc(5), /proc/pid/mountinfo).

    Slugs are squashfs and jobs' files overlays; a disk that somebody mounted there is theirs and stays.
    """
    points = []
    for line in mountinfo.splitlines():
        fields, _, kind = line.partition(" - ")
        if kind.split(" ")[0] in KINDS and fields.split()[4].startswith(f"{folder}/"):
            points.append(_unescaped(fields.split()[4]))
    return points[::-1]


def _unescaped(field: str) -> str:
    for code, character in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        field = field.replace(code, character)
    return field


def containers(engine: Engine) -> list[str]:
    """The names of all containers of Grille, running or not."""
    found: set[str] = set()
    for label in LABELS:
        for one in engine.list("/containers/json", all=1, filters={"label": [label]}):
            found.add(str(one["Names"][0]).lstrip("/"))
    return sorted(found)


def volumes(engine: Engine) -> list[str]:
    """The names of all volumes of Grille."""
    found: set[str] = set()
    for label in ("grille", *LABELS):
        answer = engine.list("/volumes", filters={"label": [label]})
        found.update(str(one["Name"]) for one in answer.get("Volumes") or [])
    return sorted(found)


def remove_container(engine: Engine, name: str) -> None:
    """Stop ``name`` (SIGTERM, then SIGKILL) and remove it with its anonymous volumes."""
    engine.call("POST", name_path("containers", name, "stop") + f"?t={STOP_SECONDS}", ignore=(304, 404))
    engine.call("DELETE", name_path("containers", name) + "?force=true&v=true", ignore=(404, 409))


class Host:
    """What is removed from this host; in check mode only listed."""

    def __init__(self, module: AnsibleModule, engine: Engine) -> None:
        self.module, self.engine = module, engine
        self.dry = bool(module.check_mode)
        self.removed: list[str] = []

    def containers(self) -> None:
        """Remove the containers, batch by batch, until none is left."""
        for _ in range(3):
            batches = in_order(containers(self.engine))
            if not batches:
                return
            for batch in batches:
                self.removed += [f"container {name}" for name in batch if f"container {name}" not in self.removed]
                if not self.dry:
                    with ThreadPoolExecutor(TOGETHER) as pool:
                        list(pool.map(lambda name: remove_container(self.engine, name), batch))
            if self.dry:
                return

    def volumes_and_network(self) -> None:
        """Remove the volumes and the network."""
        for name in volumes(self.engine):
            self.removed.append(f"volume {name}")
            if not self.dry:
                self.engine.call("DELETE", name_path("volumes", name) + "?force=true", ignore=(404,))
        network = self.module.params["network"]
        if self.engine.find(name_path("networks", network)) is not None:
            self.removed.append(f"network {network}")
            if not self.dry:
                self.engine.call("DELETE", name_path("networks", network), ignore=(404,))

    def routes(self) -> None:
        """Remove the routes to the other hosts' containers."""
        ip = self.module.get_bin_path("ip", opt_dirs=SBIN)
        if ip is None:
            return
        shown = self.module.run_command([ip, "-4", "route", "show", "protocol", ROUTE_PROTOCOL], check_rc=True)[1]
        for subnet in [line.split()[0] for line in shown.splitlines()]:
            self.removed.append(f"route {subnet}")
            if not self.dry:
                self.module.run_command([ip, "route", "del", subnet, "protocol", ROUTE_PROTOCOL], check_rc=True)

    def firewall(self) -> None:
        """Remove the chains that let the other hosts reach this one's containers."""
        iptables, chain = (
            self.module.get_bin_path("iptables", opt_dirs=SBIN),
            f"GRILLE-{self.module.params['network']}"[:28],
        )
        for table, base in CHAINS if iptables else ():
            words = [iptables, "-w", "-t", table]
            if self.module.run_command([*words, "-n", "-L", chain])[0] != 0:
                continue
            self.removed.append(f"firewall chain {chain} of table {table}")
            if not self.dry:
                self.module.run_command([*words, "-D", base, "-j", chain])
                self.module.run_command([*words, "-F", chain], check_rc=True)
                self.module.run_command([*words, "-X", chain], check_rc=True)

    def mounts(self) -> None:
        """Unmount what is mounted below the data folder; loop devices of slugs free themselves then."""
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            points = mounts_below(self.module.params["data"], file.read())
        for point in points:
            self.removed.append(f"mount {point}")
            if not self.dry and self.module.run_command(["umount", point])[0] != 0:
                self.module.run_command(["umount", "--lazy", point], check_rc=True)

    def folders(self) -> None:
        """Remove data and configuration."""
        for path in (self.module.params["data"], self.module.params["config"]):
            if os.path.isdir(path) and os.listdir(path):
                self.removed.append(f"folder {path}")
                if not self.dry:
                    _remove_tree(path)


def _remove_tree(path: str) -> None:
    for entry in os.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    if not os.path.ismount(path):
        os.rmdir(path)


def main() -> None:
    """The module's entry point."""
    arguments: dict[str, Any] = {
        "purge": {"type": "bool", "default": False},
        "data": {"type": "path", "default": "/var/lib/grille"},
        "config": {"type": "path", "default": "/etc/grille"},
        "network": {"type": "str", "default": "grille"},
        "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
    }
    module = AnsibleModule(argument_spec=arguments, supports_check_mode=True)
    engine = Engine(module.params["docker_socket"])
    host = Host(module, engine)
    try:
        if engine.alive():
            host.containers()
            host.volumes_and_network()
        host.routes()
        host.firewall()
        host.mounts()
        if module.params["purge"]:
            host.folders()
    except EngineError as error:
        module.fail_json(msg=str(error), removed=host.removed)
    diff = {"before": "".join(f"{line}\n" for line in host.removed), "after": ""}
    module.exit_json(changed=bool(host.removed), removed=host.removed, diff=diff)


if __name__ == "__main__":
    main()
