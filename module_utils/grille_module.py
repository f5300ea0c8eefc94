# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The boundary of Grille's modules: the options that all have, the client they make, errors become one line."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .grille.client import Client, client_settings, read_token
from .grille.errors import GrilleError, InvalidValue, NotFound, TimedOut

Result = dict[str, Any]
POLL = 0.3  # seconds between two looks at something that is becoming so


def arguments(brick: str = "controller", **options: Any) -> dict[str, Any]:
    """The argument_spec of a module that talks to ``brick``: ``options`` and what all modules take."""
    return {
        **options,
        f"{brick}_url": {"type": "str"},
        "token": {"type": "str", "no_log": True},
        "token_file": {"type": "path", "default": "/etc/grille/tokens/deploy", "no_log": False},
        "timeout": {"type": "float", "default": 30.0},
    }


def client(params: dict[str, Any], brick: str = "controller") -> Client:
    """A client of ``brick``, as the module's parameters and the host's client settings say.

    Raises:
        Unavailable: the host is in no grid and no URL is given.
        Unauthorized: there is no token to read.
    """
    url = params[f"{brick}_url"] or client_settings().get(brick, "")
    if not url:
        raise InvalidValue(f"this host's client settings have no URL of {brick}", remedy=f"give {brick}_url")
    token = params["token"] or read_token(params["token_file"])
    return Client(url, token, timeout=params["timeout"], brick=brick)


def run(module: AnsibleModule, work: Callable[[AnsibleModule], Result]) -> None:
    """Do ``work`` and end the module with its result, or with one line that says what is wrong and what helps."""
    try:
        result = work(module)
    except GrilleError as error:
        module.fail_json(msg=str(error), code=error.code, remedy=error.remedy)
    module.exit_json(**result)


def find(api: Client, path: str) -> Any:
    """What is at ``path``; None when there is nothing."""
    try:
        return api.get(path)
    except NotFound:
        return None


def until(left: Callable[[], list[str]], what: str, seconds: float) -> None:
    """Wait until ``left()``, the list of what is still missing, is empty.

    Raises:
        TimedOut: after ``seconds``, naming what is missing.
    """
    end = time.monotonic() + seconds
    while missing := left():
        if time.monotonic() > end:
            raise TimedOut(
                f"{what} is not done after {seconds:g} s: {'; '.join(missing)}",
                remedy="it goes on in the background; look with playbooks/info.yml, or give a longer wait_timeout",
            )
        time.sleep(POLL)
