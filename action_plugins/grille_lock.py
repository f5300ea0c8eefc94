# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes a lock, showing whom it waits for: each call of the module waits a little, and keeps the place in the queue."""

from __future__ import annotations

import os
import secrets
import time

from ansible_collections.grille.grille.plugins.module_utils.grille_locks import lock_name, refusal
from ansible_collections.grille.grille.plugins.plugin_utils.acting import Result, StepFailed
from ansible_collections.grille.grille.plugins.plugin_utils.following import FollowingAction
from ansible_collections.grille.grille.plugins.plugin_utils.owner import owner

PIECE = 10.0  # seconds that one call of the module waits
# While it waits it asks for the lock for this long only, and for the whole time once it has it: one that was killed
# meanwhile on the control node does not hold, by its last call, a lock that nobody knows of.
MOMENT = 30.0
MODULE = "grille_lock"


class ActionModule(FollowingAction):
    """The module, in pieces."""

    def act(self, arguments: Result) -> Result:
        """Take the lock, or end it."""
        asked = {"owner": owner(os.environ), **{key: value for key, value in arguments.items() if value is not None}}
        if asked.get("state") == "absent":
            return self.patiently(MODULE, asked)
        asked = {"id": secrets.token_hex(12), **asked}
        seconds = _seconds(asked.get("wait_timeout"))
        if self._task.check_mode or not seconds or asked.get("keep_place"):
            return self.module(MODULE, asked)
        try:
            return self._waited(asked, seconds)
        except StepFailed:
            self._leave(asked)
            raise

    def _waited(self, asked: Result, seconds: float) -> Result:
        end = time.monotonic() + seconds
        answer, said = self.module(MODULE, {**asked, "wait_timeout": min(1.0, seconds), "keep_place": True}), ""
        if answer["held"]:
            return answer
        while not answer["held"]:
            if answer["msg"] != said:
                said = answer["msg"]
                self.say(said)
            left = end - time.monotonic()
            if left <= 0:
                self._leave(asked)
                name = lock_name(asked.get("name"), asked.get("app"))
                raise refusal(name, answer["holder"], seconds)
            piece = {"ttl": MOMENT, "wait_timeout": min(left, PIECE), "keep_place": True}
            answer = self.patiently(MODULE, {**asked, **piece})
        return {**self.patiently(MODULE, {**asked, "wait_timeout": 0.0}), "changed": True, "diff": answer["diff"]}

    def _leave(self, asked: Result) -> None:
        """Hold no place in the queue that nobody knows of."""
        try:
            self.module(MODULE, {**asked, "state": "absent"})
        except StepFailed:
            return


def _seconds(value: object) -> float:
    """``value`` as seconds; 0 when it is no number, about which the module has something to say."""
    try:
        return float(str(value))
    except ValueError:
        return 0.0
