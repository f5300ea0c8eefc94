# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Grille's action plugins share: the control node's token, calling modules, errors as one line, live output."""

from __future__ import annotations

import os
import re
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.grille.client import read_token
from ..module_utils.grille.errors import GrilleError

COLLECTION = "grille.grille"
CONNECTION = ("controller_url", "token", "token_file", "timeout")
UNPRINTABLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
Result = dict[str, Any]
display = Display()


class StepFailed(Exception):
    """A module failed; ``result`` is what it returned."""

    def __init__(self, result: Result) -> None:
        super().__init__(str(result.get("msg", "")))
        self.result = result


class GrilleAction(ActionBase):
    """Runs the module of the task's name on the target host, with the control node's token.

    Subclasses do more in ``act``.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Do the task: the one place where errors become a failed result."""
        result: Result = super().run(tmp, task_vars)
        self._vars = task_vars or {}
        try:
            done = self.act(dict(self._task.args))
        except GrilleError as error:
            done = {"failed": True, "changed": False, "msg": str(error), "code": error.code}
        except StepFailed as failure:
            done = failure.result
        done.pop("invocation", None)  # it has the values of env
        done.pop("remedy", None)  # msg says it
        return {**result, **done}

    def act(self, arguments: Result) -> Result:
        """Do the task's work; its result."""
        return self.module(self._task.action.rpartition(".")[2], arguments)

    def module(self, name: str, arguments: Result) -> Result:
        """The result of one of Grille's modules, run on the target host; raises StepFailed."""
        result: Result = self._execute_module(
            module_name=f"{COLLECTION}.{name}", module_args=_with_token(arguments), task_vars=self._vars
        )
        if result.get("failed") or result.get("unreachable"):
            raise StepFailed(result)
        return result

    def say(self, text: str) -> None:
        """Show one line at once, unless the task has ``no_log``."""
        if not self._task.no_log:
            display.display(f"  {UNPRINTABLE.sub('', text)}".rstrip())

    def connection(self) -> Result:
        """The options of the task that say how to reach the controller, for the modules it calls."""
        given = self._task.args
        return {name: given[name] for name in CONNECTION if given.get(name) is not None}


def _with_token(arguments: Result) -> Result:
    """``arguments`` with the token that the environment of the control node gives, unless they name one."""
    if arguments.get("token") or arguments.get("token_file"):
        return arguments
    token, path = os.environ.get("GRILLE_TOKEN", ""), os.environ.get("GRILLE_TOKEN_FILE", "")
    if path and not token:
        token = read_token(os.path.expanduser(path))
    return {**arguments, "token": token} if token else arguments
