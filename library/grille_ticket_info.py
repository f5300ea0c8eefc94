#!/usr/bin/python
# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ansible module: what a ticket has come to, and what its job has written since."""

from __future__ import annotations

DOCUMENTATION = r"""
module: grille_ticket_info
short_description: Read a ticket and the new output of its job
description:
  - A build, a one-off run or a deployment is a ticket in one of the controller's queues. Reads it, waiting a little
    for news; called again and again with the cursor it returned, it follows the work to its end.
options:
  id:
    description: The ticket's id.
    type: str
    required: true
  cursor:
    description: Where to read the output from, as the call before returned it; empty for the beginning.
    type: str
    default: ""
  wait:
    description: Seconds to wait for new output, or for the end.
    type: float
    default: 2.0
extends_documentation_fragment: [grille.grille.reading, grille.grille.auth, grille.grille.controller]
"""

EXAMPLES = r"""
- name: See how a deployment fares
  grille_ticket_info:
    id: "{{ ticket }}"
  register: deployment
"""

RETURN = r"""
ticket:
  description: The ticket, with its C(state), C(reason) and C(result).
  type: dict
  returned: success
lines:
  description: The lines written since, each with C(stream) (stdout or stderr), C(text) and C(time).
  type: list
  elements: dict
  returned: success
cursor:
  description: Where the next call goes on.
  type: str
  returned: success
done:
  description: Whether the work has ended and all its output has been read.
  type: bool
  returned: success
jobs:
  description: For a deployment, the app's jobs with their states.
  type: list
  elements: dict
  returned: success
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.grille.client import Client
from ..module_utils.grille_instances import cleared
from ..module_utils.grille_module import Result, arguments, client, find, run

ARGUMENTS = arguments(
    id={"type": "str", "required": True},
    cursor={"type": "str", "default": ""},
    wait={"type": "float", "default": 2.0},
)
ENDED = ("succeeded", "failed", "cancelled")
CLEARING = 60.0  # seconds that a failed deployment may take to be cleared away
PAUSE = 0.7  # seconds between two looks at what has no output to wait for


def look(module: AnsibleModule) -> Result:
    """The ticket and its news."""
    params: dict[str, Any] = module.params
    api, path = client(params), f"/tickets/{params['id']}"
    ticket = api.get(path)
    if ticket["queue"] == "services":
        return {"changed": False, **_deployment(api, path, ticket["app"], params["wait"])}
    return {"changed": False, **_output(api, path, params["cursor"], params["wait"])}


def _deployment(api: Client, path: str, app: str, wait: float) -> Result:
    """A deployment that failed is done when what it left is gone, or a minute later."""
    ticket = api.get(path, wait=min(wait, PAUSE))
    found = find(api, f"/apps/{app}")
    done = ticket["state"] == "succeeded"
    if ticket["state"] in ENDED and not done:
        done = cleared(ticket, found) or time.time() > ticket["finished"] + CLEARING
        time.sleep(0 if done else PAUSE)
    jobs = (found or {}).get("jobs", [])
    return {"ticket": ticket, "lines": [], "cursor": "", "done": done, "jobs": jobs}


def _output(api: Client, path: str, cursor: str, wait: float) -> Result:
    """The ticket is read before the output: what was written before it ended is in the output read after."""
    ticket = api.get(path)
    ended = ticket["state"] in ENDED
    if not (ended or ticket["job"]):  # it waits for its turn
        ticket = api.get(path, wait=min(wait, PAUSE))
        return {"ticket": ticket, "lines": [], "cursor": cursor, "done": False, "jobs": []}
    news = api.get(f"{path}/logs", cursor=cursor or None, wait=0 if ended else wait)
    read = {"lines": news["lines"], "cursor": str(news["cursor"] or ""), "jobs": []}
    return {"ticket": api.get(path), **read, "done": ended and (news["done"] or not news["lines"])}


def main() -> None:
    """The module's entry point."""
    run(AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True), look)


if __name__ == "__main__":
    main()
