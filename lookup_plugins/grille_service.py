# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup plugin: where a service is."""

from __future__ import annotations

DOCUMENTATION = r"""
name: grille_service
author: Grille's contributors (@grille)
version_added: 0.1.0
short_description: The addresses of a service's instances
description:
  - Asks discoverd, from the control node, for the instances that are registered now, the oldest first.
  - A service without instances, or without any that fit, gives an empty list.
options:
  _terms:
    description: Names of services.
    type: list
    elements: str
    required: true
  leader:
    description: Only the instance that leads the service.
    type: bool
    default: false
  protocol:
    description: Only instances that speak this protocol.
    type: str
  host:
    description: Only instances on this host.
    type: str
  metadata:
    description: Only instances whose metadata have these values.
    type: dict
    default: {}
  format:
    description:
      - What to give for an instance - C(hostport), like C(192.0.2.20:5432); C(url), like C(http://192.0.2.20:8080); or
        C(dict), all that is registered.
    type: str
    choices: [hostport, url, dict]
    default: hostport
  discoverd_url:
    description: URL of discoverd; by default the one in C(/etc/grille/client.json) on the control node.
    type: str
    env:
      - name: GRILLE_DISCOVERD_URL
extends_documentation_fragment: [grille.grille.control_node]
"""

EXAMPLES = r"""
- name: Show where the database is written to
  ansible.builtin.debug:
    msg: "{{ lookup('grille.grille.grille_service', 'postgres', leader=true) }}"

- name: Show all instances in one zone
  ansible.builtin.debug:
    msg: "{{ query('grille.grille.grille_service', 'shop-web', metadata={'zone': 'a'}, format='url') }}"
"""

RETURN = r"""
_raw:
  description: One string, or one dict, for each instance.
  type: list
  elements: raw
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.grille.grille.plugins.module_utils.grille.client import Client
from ansible_collections.grille.grille.plugins.module_utils.grille.errors import GrilleError
from ansible_collections.grille.grille.plugins.module_utils.grille.names import check_label
from ansible_collections.grille.grille.plugins.module_utils.grille_module import client, find

Instance = dict[str, Any]


def shown(instance: Instance, form: str) -> Any:
    """An instance as ``hostport``, ``url`` or ``dict``."""
    if form == "dict":
        return instance
    address = f"[{instance['address']}]" if ":" in instance["address"] else instance["address"]
    where = f"{address}:{instance['port']}"
    return f"{instance['protocol']}://{where}" if form == "url" else where


def fits(instance: Instance, wanted: dict[str, Any]) -> bool:
    """Whether an instance has what the options ``protocol``, ``host`` and ``metadata`` ask for."""
    plain = all(wanted[name] in (None, instance[name]) for name in ("protocol", "host"))
    metadata = instance.get("metadata") or {}
    return plain and all(metadata.get(str(key)) == str(value) for key, value in wanted["metadata"].items())


class LookupModule(LookupBase):
    """Asks discoverd."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """The instances of each service in ``terms``; AnsibleError, one line, when discoverd gives none."""
        self.set_options(var_options=variables, direct=kwargs)
        options = self.get_options()
        try:
            api = client(options, "discoverd")
            found = [one for name in terms for one in self._instances(api, check_label("service", name))]
        except GrilleError as error:
            raise AnsibleError(str(error)) from None
        return [shown(one, options["format"]) for one in found if fits(one, options)]

    def _instances(self, api: Client, name: str) -> list[Instance]:
        if not self.get_option("leader"):
            return list(api.get(f"/services/{name}/instances")["instances"])
        answer = find(api, f"/services/{name}/leader")
        return [answer["leader"]] if answer else []
