#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: start a one-off command. Its action plugin follows the output and waits for the end."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_run
short_description: Run a command once in an app's current release
description:
  - Runs it in a container of its own with the app's code and environment, shows its output as it comes, and fails
    when the command does.
options:
  app:
    description: Name of the app.
    type: str
    required: true
  command:
    description: The command line, for a shell.
    type: str
    required: true
  env:
    description: Environment variables besides the release's own.
    type: dict
    default: {}
  wait_timeout:
    description: Seconds that the command may take; then it is stopped and the task fails.
    type: float
    default: 3600.0
attributes:
  check_mode:
    support: full
    description: Says that it would run, and runs nothing.
  diff_mode:
    support: none
    description: What a command changes is not known before.
  idempotent:
    support: none
    description: Runs whenever it is asked to.
  action:
    support: full
    description: Follows the output on the control node; takes the token from its environment.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
"""

EXAMPLES = r"""
- name: Migrate the database
  grille_run:
    app: shop
    command: python manage.py migrate
"""

RETURN = r"""
stdout:
  description: What the command wrote on its standard output.
  type: str
  returned: always
stderr:
  description: What it wrote on its standard error.
  type: str
  returned: always
rc:
  description: The command's exit code.
  type: int
  returned: when the command ended
ticket:
  description: The run's ticket. Empty in check mode.
  type: dict
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.errors import InvalidValue
from ..module_utils.grille.names import check_app
from ..module_utils.grille_module import Result, arguments, client, run
from ..module_utils.grille_values import parse_env

ARGUMENTS = arguments(
    app={"type": "str", "required": True},
    command={"type": "str", "required": True},
    env={"type": "dict", "default": {}},
    wait_timeout={"type": "float", "default": 3600.0},
)


def ensure(module: AnsibleModule) -> Result:
    """Start the command; waits for nothing."""
    params: dict[str, Any] = module.params
    app, command = check_app(params["app"]), params["command"]
    if not command.strip():
        raise InvalidValue("the command is empty", remedy="say what to run, like command='python --version'")
    api = client(params)
    if module.check_mode:
        api.get(f"/apps/{app}")
        return {"changed": True, "ticket": {}}
    env = {name: value for name, value in parse_env(params["env"]).items() if value is not None}
    body = {"command": command, "env": env, "deadline": params["wait_timeout"]}
    return {"changed": True, "ticket": api.post(f"/apps/{app}/runs", body)}


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
