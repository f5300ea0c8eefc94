# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a one-off command: its output as it comes, its exit code as the task's."""

from __future__ import annotations

from ansible_collections.grille.grille.plugins.plugin_utils.acting import Result
from ansible_collections.grille.grille.plugins.plugin_utils.following import FollowingAction, timeout
from ansible_collections.grille.grille.plugins.plugin_utils.progress import Progress

RUN_SECONDS = 3600.0
QUEUE_SECONDS = 120.0  # that it may wait for its turn besides


class ActionModule(FollowingAction):
    """Fails when the command does."""

    def act(self, arguments: Result) -> Result:
        """Start the command and follow it."""
        result = self.module("grille_run", arguments)
        if self._task.check_mode:
            self.say(f"would run {arguments['command']!r} in {arguments['app']}")
            return {**result, "skipped": True, "msg": "would run the command"}
        seconds = timeout(arguments, RUN_SECONDS) + QUEUE_SECONDS
        ended, told = self.follow(result["ticket"], seconds)
        return _result(ended, told)


def _result(ticket: Result, told: Progress) -> Result:
    result = {"changed": True, "stdout": "\n".join(told.stdout), "stderr": "\n".join(told.stderr)}
    code = (ticket.get("result") or {}).get("exit_code")
    if code is not None:
        result["rc"] = code
    if ticket["state"] == "succeeded":
        return {**result, "ticket": ticket}
    why = f"the command exited with {code}" if code else ticket.get("reason") or f"the command was {ticket['state']}"
    remedy = f" ({ticket['remedy']})" if ticket.get("remedy") and not code else ""
    return {**result, "failed": True, "msg": f"{why}{remedy}"}
