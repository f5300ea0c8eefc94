"""The inventory of the lab's hosts for Ansible: that of inventories/example with the lab's addresses, over SSH."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .host import Host

DOMAIN = "grille.test"
GROUPS = ("hosts", "etcd", "controller", "router")
SSH = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ControlPersist=60s"


def write_inventory(folder: Path, hosts: Sequence[Host], key: Path) -> None:
    """Write ``hosts.yml`` and ``group_vars/all.yml`` (JSON is YAML) into ``folder``."""
    (folder / "group_vars").mkdir(parents=True)
    _write(folder / "hosts.yml", {"all": {"hosts": _hosts(hosts), "children": _children(hosts)}})
    _write(folder / "group_vars" / "all.yml", _variables(key))


def _hosts(hosts: Sequence[Host]) -> dict[str, Any]:
    return {
        host.name: {
            "ansible_host": host.address,
            "grille_address": host.address,
            "grille_subnet": f"10.213.{host.number}.0/24",
        }
        for host in hosts
    }


def _children(hosts: Sequence[Host]) -> dict[str, Any]:
    everywhere: dict[str, Any] = {host.name: {} for host in hosts}
    groups: dict[str, Any] = {name: {"hosts": everywhere} for name in GROUPS}
    return groups | {"shelf": {"hosts": {hosts[0].name: {}}}}


def _variables(key: Path) -> dict[str, Any]:
    return {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": f"{SSH} -o ControlPath={key.parent}/ssh-%C",
        "grille_etcd_address": "{{ grille_address }}",
        "grille_domain": DOMAIN,
    }


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
