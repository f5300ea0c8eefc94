#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: all secrets of the grid, sealed again under the key that is first now."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_config_rotate
short_description: Seal all secrets again under the grid's first key
description:
  - Opens each secret that is sealed under another key than the first one of C(/etc/grille/config.keys), and seals it
    under that. No container is restarted. An interrupted run goes on where it was.
  - Fails when a secret cannot be opened, so that its key is not dropped.
  - C(playbooks/rotate_config_key.yml) does the whole of a rotation.
options:
  token_file:
    description: File on the target host with the token, which must be an admin's.
    type: path
    default: /etc/grille/tokens/admin
  wait_timeout:
    description: Seconds that it may take.
    type: float
    default: 900.0
attributes:
  check_mode:
    support: full
    description: Counts what would be sealed again.
  diff_mode:
    support: none
    description: Secrets have no difference to show.
  idempotent:
    support: full
    description: Does nothing when all is sealed under the first key.
  action:
    support: none
    description: Takes the admin's token on the target host.
extends_documentation_fragment: [grille.grille.auth, grille.grille.controller]
"""

EXAMPLES = r"""
- name: Seal all secrets again
  grille_config_rotate:
"""

RETURN = r"""
key:
  description: The id of the first key.
  type: str
  returned: success
resealed:
  description: How many records were sealed again; in check mode, would be.
  type: int
  returned: success
in_use:
  description: How many secrets are sealed under each key.
  type: dict
  returned: success
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.errors import Failed, TimedOut
from ..module_utils.grille_module import Result, arguments, client, run

ARGUMENTS = arguments(wait_timeout={"type": "float", "default": 900.0})
ARGUMENTS["token_file"] = {"type": "path", "default": "/etc/grille/tokens/admin", "no_log": False}


def ensure(module: AnsibleModule) -> Result:
    """Call the controller until nothing is left."""
    params: dict[str, Any] = module.params
    api, done, end = client(params), 0, time.monotonic() + params["wait_timeout"]
    while True:
        told = api.post("/config/rotate", {"dry_run": module.check_mode})
        done += told["left"] if module.check_mode else told["resealed"]
        if told["unreadable"]:
            first = told["unreadable"][0]
            raise Failed(f"{first['record']}: {first['detail']}", remedy="no key was dropped", code="unreadable_secret")
        if module.check_mode or not told["left"]:
            return {"changed": done > 0, "key": told["key"], "resealed": done, "in_use": told["in_use"]}
        if time.monotonic() > end:
            raise TimedOut(f"{told['left']} records are left to be sealed again", remedy="run it again; it goes on")


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
