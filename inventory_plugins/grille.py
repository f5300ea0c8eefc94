# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Inventory plugin: the hosts of a grid as it is now, grouped by state, tags and services."""

from __future__ import annotations

DOCUMENTATION = r"""
name: grille
author: Grille's contributors (@grille)
version_added: 0.1.0
short_description: The hosts of a grid as it is now
description:
  - Asks the controller for the grid's hosts, those too that have jobs and are away. For playbooks about what runs,
    like "all hosts with an instance of C(shop-web)"; the grid itself is laid out by an inventory of your own.
  - Each host is in C(grille_hosts), in C(state_up) or C(state_gone), in C(tag_<key>_<value>) for each of its tags, and
    in C(service_<name>) for each service with an instance there. What is no letter, digit or underscore becomes one.
  - Host variables are C(ansible_host) (where its bricks listen; not known of hosts that are away), C(grille_state),
    C(grille_tags), C(grille_services), C(grille_jobs) (how many), C(grille_cpus), C(grille_load),
    C(grille_memory_total), C(grille_memory_available), C(grille_disk_total), C(grille_disk_free) (bytes),
    C(grille_docker), C(grille_version), C(grille_url) (of its agent), C(grille_started) and C(grille_updated).
  - The source is a file called C(grille.yml), or whose name ends in C(.grille.yml).
options:
  plugin:
    description: Says that the file is for this plugin.
    type: str
    required: true
    choices: [grille, grille.grille.grille]
  controller_url:
    description: URL of the controller; by default the one in C(/etc/grille/client.json) on the control node.
    type: str
    env:
      - name: GRILLE_CONTROLLER_URL
extends_documentation_fragment:
  - grille.grille.control_node
  - constructed
  - inventory_cache
"""

EXAMPLES = r"""
# grid.grille.yml: ansible-inventory -i grid.grille.yml --graph
plugin: grille.grille.grille
controller_url: http://192.0.2.11:7411
token_file: ~/.config/grille/token
compose:
  ansible_user: "'admin'"
groups:
  busy: grille_load > grille_cpus
keyed_groups:
  - key: grille_version
    prefix: version
"""

import re
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.grille.grille.plugins.module_utils.grille.errors import GrilleError
from ansible_collections.grille.grille.plugins.module_utils.grille_module import client

ALL = "grille_hosts"
NO_NAME = re.compile(r"[^A-Za-z0-9_]")
Host = dict[str, Any]


def groups_of(host: Host) -> list[str]:
    """The groups of a host as the controller describes it."""
    tags = [f"tag_{key}_{value}" for key, value in host["tags"].items()]
    names = [ALL, f"state_{host['state']}", *tags, *(f"service_{name}" for name in host["services"])]
    return [NO_NAME.sub("_", name) for name in names]


def variables_of(host: Host) -> dict[str, Any]:
    """The variables of a host as the controller describes it."""
    found = {f"grille_{name}": value for name, value in host.items() if name not in ("host", "address")}
    return {"ansible_host": host["address"], **found} if host.get("address") else found


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Reads ``grille.yml``, asks the controller."""

    NAME = "grille.grille.grille"

    def verify_file(self, path: str) -> bool:
        """Whether the file at ``path`` is called as this plugin's are."""
        return super().verify_file(path) and path.endswith(("grille.yml", "grille.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill ``inventory``; AnsibleParserError, one line, when the controller does not give its hosts."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        for host in self._hosts(path, cache and self.get_option("cache")):
            self._add(host)

    def _hosts(self, path: str, cached: bool) -> list[Host]:
        key = self.get_cache_key(path)
        if cached and key in self._cache:
            return list(self._cache[key])
        try:
            options = ("controller_url", "token", "token_file", "timeout")
            found = client({name: self.get_option(name) for name in options}).get("/hosts", gone=1)
        except GrilleError as error:
            raise AnsibleParserError(str(error)) from None
        if self.get_option("cache"):
            self._cache[key] = found
        return list(found)

    def _add(self, host: Host) -> None:
        name, strict = host["host"], self.get_option("strict")
        self.inventory.add_host(name)
        for group in groups_of(host):
            self.inventory.add_group(group)
            self.inventory.add_child(group, name)
        variables = variables_of(host)
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)
        self._set_composite_vars(self.get_option("compose"), variables, name, strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict)
