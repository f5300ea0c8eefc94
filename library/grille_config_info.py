#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: the configuration of an app, of a shared set, or which there are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_config_info
short_description: Read the configuration of an app or of a shared set
description:
  - Without O(app) and O(shared), lists what has a configuration.
options:
  app:
    description: Name of the app.
    type: str
  shared:
    description: Name of the shared set.
    type: str
  history:
    description: Whether to return all versions that are kept, the newest first.
    type: bool
    default: false
  reveal:
    description:
      - Whether to return secrets too. The task should have C(no_log).
      - Needs a deploy token.
    type: bool
    default: false
extends_documentation_fragment: [grille.grille.reading, grille.grille.auth, grille.grille.controller]
seealso:
  - module: grille.grille.grille_config
"""

EXAMPLES = r"""
- name: See what changed
  grille_config_info:
    app: shop
    history: true
  register: shop
"""

RETURN = r"""
configs:
  description:
    - The newest version, with O(history) all of them, the newest first; none when there is no such configuration. Each
      has C(version), C(created), C(values), C(secrets) (null unless revealed), C(live), C(shared), C(description).
    - Without O(app) and O(shared), for each scope its newest version's number.
  type: list
  elements: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.errors import NotFound
from ..module_utils.grille.names import check_app, check_label
from ..module_utils.grille_module import Result, arguments, client, run

ARGUMENTS = arguments(
    app={"type": "str"},
    shared={"type": "str"},
    history={"type": "bool", "default": False},
    reveal={"type": "bool", "default": False},
)


def look(module: AnsibleModule) -> Result:
    """The versions asked for."""
    params: dict[str, Any] = module.params
    api = client(params)
    if params["app"] is None and params["shared"] is None:
        return {"changed": False, "configs": api.get("/config")}
    app, shared = params["app"], params["shared"]
    scope = f"shared/{check_label('shared set', shared)}" if app is None else f"apps/{check_app(app)}"
    try:
        found = api.get(f"/config/{scope}", history=1, reveal=int(params["reveal"]))
    except NotFound:
        found = []
    return {"changed": False, "configs": found if params["history"] else found[:1]}


def main() -> None:
    """The module's entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True, mutually_exclusive=[("app", "shared")])
    run(module, look)


if __name__ == "__main__":
    main()
