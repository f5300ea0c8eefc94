# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Follows a ticket from the control node: each call of a module brings the news, shown as they come."""

from __future__ import annotations

import time
from typing import Any

from ..module_utils.grille.errors import Failed, TimedOut
from .acting import GrilleAction, Result, StepFailed
from .progress import Progress

AWAY = 60.0  # seconds that the controller may be away, restarting, while a ticket is followed
PAUSE = 1.0


class FollowingAction(GrilleAction):
    """An action that starts a ticket and waits for its end."""

    def follow(self, ticket: Result, seconds: float) -> tuple[Result, Progress]:
        """The ticket when it has ended, and all that was told of it.

        Raises:
            TimedOut: it did not end within ``seconds``.
        """
        told = Progress()
        end, cursor, job = time.monotonic() + seconds, "", ticket["job"]
        while True:
            asked = {**self.connection(), "id": ticket["id"], "cursor": cursor}
            answer = self.patiently("grille_ticket_info", asked)
            for line in told.news(answer):
                self.say(line)
            if answer["done"]:
                return answer["ticket"], told
            if time.monotonic() > end:
                raise TimedOut(
                    f"ticket {ticket['id']} has not ended after {seconds:g} s",
                    remedy="it goes on in the background; look with playbooks/info.yml, or give a longer wait_timeout",
                )
            now = answer["ticket"]["job"]
            cursor = "" if job and now and now != job else answer["cursor"]  # another attempt: another job's output
            job = now or job

    def succeed(self, ticket: Result, what: str, told: Progress) -> Result:
        """``ticket`` if it succeeded.

        Raises:
            Failed: it did not; says why, after showing the job's last lines if they were not followed.
        """
        if ticket["state"] == "succeeded":
            return ticket
        for line in (ticket["result"].get("logs") or []) if not (told.stdout or told.stderr) else []:
            self.say(str(line))
        reason = ticket["reason"] or f"{what} was {ticket['state']}"
        raise Failed(reason, remedy=ticket["remedy"], code=ticket["code"])

    def patiently(self, name: str, arguments: Result) -> Result:
        """The result of a module, run again while the controller is away, up to a minute; raises StepFailed."""
        end = time.monotonic() + AWAY
        while True:
            try:
                return self.module(name, arguments)
            except StepFailed as failure:
                if failure.result.get("code") != "unavailable" or time.monotonic() > end:
                    raise
                time.sleep(PAUSE)


def timeout(arguments: dict[str, Any], default: float) -> float:
    """The task's ``wait_timeout`` in seconds."""
    return float(arguments.get("wait_timeout") or default)
