# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lookup plugin: a value of the grid's configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
name: grille_config
author: Grille's contributors (@grille)
version_added: 0.1.0
short_description: A value of an app's configuration, or of a shared set
description:
  - Asks the controller, from the control node, for the newest version.
  - The value of a secret is asked for when the name is that of a secret; the controller's log says that it was shown.
    Use C(no_log) on the task.
options:
  _terms:
    description: Names of values.
    type: list
    elements: str
    required: true
  app:
    description: The app, whose own values go before those of the shared sets that it uses. Either this or O(shared).
    type: str
  shared:
    description: The shared set.
    type: str
  default:
    description: What to give for a name that is not set; without it that is an error.
    type: raw
  controller_url:
    description: URL of the controller; by default the one in C(/etc/grille/client.json) on the control node.
    type: str
    env:
      - name: GRILLE_CONTROLLER_URL
extends_documentation_fragment: [grille.grille.control_node]
"""

EXAMPLES = r"""
- name: Show what the app greets with
  ansible.builtin.debug:
    msg: "{{ lookup('grille.grille.grille_config', 'GREETING', app='shop', default='hello') }}"

- name: Use the password of the database
  ansible.builtin.command: pg_dump
  environment:
    PGPASSWORD: "{{ lookup('grille.grille.grille_config', 'PASSWORD', shared='db') }}"
  no_log: true
  changed_when: false
"""

RETURN = r"""
_raw:
  description: The value of each name.
  type: list
  elements: raw
"""

from collections.abc import Iterator
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.grille.grille.plugins.module_utils.grille.client import Client
from ansible_collections.grille.grille.plugins.module_utils.grille.configuration import APP_SCOPES, SHARED_SCOPES
from ansible_collections.grille.grille.plugins.module_utils.grille.errors import (
    Forbidden,
    GrilleError,
    InvalidValue,
    NotFound,
)
from ansible_collections.grille.grille.plugins.module_utils.grille.names import check_app, check_label
from ansible_collections.grille.grille.plugins.module_utils.grille_module import client, find

Version = dict[str, Any]


class Scopes:
    """The configuration of an app over that of the sets it uses, or of one set, read as far as is needed."""

    def __init__(self, api: Client, app: str | None, shared: str | None) -> None:
        if (app is None) == (shared is None):
            raise InvalidValue("give either app or shared", remedy="say whose value it is: app='shop', or shared='db'")
        self._api = api
        self.first = APP_SCOPES + check_app(app) if app is not None else SHARED_SCOPES + check_label("set", shared)
        self._read: dict[str, Version] = {}

    def value(self, name: str) -> str | None:
        """The value called ``name``, None when it is not set; raises Forbidden when the token may not see it."""
        for scope, version in self._layers():
            if name in version["secrets"]:
                return str(self._api.get(f"/config/{scope}", reveal=1)["secrets"][name])
            for kind in ("values", "live"):
                if name in version[kind]:
                    return _seen(name, version[kind][name])
        return None

    def _layers(self) -> Iterator[tuple[str, Version]]:
        """The scopes, the one that goes before the others first."""
        own = self._version(self.first)
        yield self.first, own
        for shared in reversed(own["shared"]):
            yield SHARED_SCOPES + shared, self._version(SHARED_SCOPES + shared)

    def _version(self, scope: str) -> Version:
        if scope not in self._read:
            found = find(self._api, f"/config/{scope}")
            self._read[scope] = found or {"values": {}, "secrets": {}, "live": {}, "shared": []}
        return self._read[scope]


def _seen(name: str, value: str | None) -> str:
    if value is None:
        raise Forbidden(f"a read token may not see the value of {name}", remedy="use a deploy token")
    return value


class LookupModule(LookupBase):
    """Asks the controller."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """The value of each name in ``terms``; AnsibleError, one line, for one that is not set and has no default."""
        self.set_options(var_options=variables, direct=kwargs)
        options = self.get_options()
        try:
            scopes = Scopes(client(options), options["app"], options["shared"])
            return [self._value(scopes, name, options["default"]) for name in terms]
        except GrilleError as error:
            raise AnsibleError(str(error)) from None

    @staticmethod
    def _value(scopes: Scopes, name: str, default: Any) -> Any:
        found = scopes.value(name)
        if found is None and default is None:
            raise NotFound(f"{name} is not set in the configuration {scopes.first}", remedy="set it, or give a default")
        return default if found is None else found
