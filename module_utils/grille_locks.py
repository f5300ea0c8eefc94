# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""What to say of a lock's holder, and of those who wait for it. Pure."""

from __future__ import annotations

import time
from typing import Any

from .grille.errors import Conflict, InvalidValue
from .grille.names import check_app, check_label

APP = "app-"  # the lock of an app is called so, and by the app's name


def lock_name(name: str | None, app: str | None) -> str:
    """The name of a lock that is given, or of an app's lock; raises InvalidValue."""
    if app is not None:
        return APP + check_app(app)
    if name is None:
        raise InvalidValue("neither name nor app is given", remedy="say which lock, or whose app's")
    return check_label("lock", name)


def told(holder: dict[str, Any] | None) -> str:
    """Who holds a lock, why, since when, until when."""
    if holder is None:
        return "nobody"
    reason = f" ({holder['reason']})" if holder["reason"] else ""
    until = f", until {clock(holder['expires'])} at the latest" if holder["expires"] else ""
    return f"{holder['owner']}{reason} since {clock(holder['since'] or holder['created'])}{until}"


def waiting(name: str, answer: dict[str, Any]) -> str:
    """A line for one who waits."""
    ahead = f", {answer['position']} ahead" if answer["position"] > 1 else ""
    return f"waiting for lock {name}{ahead}: held by {told(answer['holder'])}"


def refusal(name: str, holder: dict[str, Any] | None, seconds: float = 0.0) -> Conflict:
    """The error for one who did not get the lock, after ``seconds`` of waiting."""
    which = f"app={name.removeprefix(APP)}" if name.startswith(APP) else f"lock_name={name}"
    waited = f", still after {seconds:g} s" if seconds else ""
    return Conflict(
        f"lock {name} is held by {told(holder)}{waited}",
        remedy=f"wait for longer, or break it: ansible-playbook playbooks/unlock.yml -e {which}",
        code="lock_held",
    )


def clock(seconds: float) -> str:
    """A moment in local time, without the day when it is today."""
    at = time.localtime(seconds)
    return time.strftime("%H:%M:%S" if at[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M:%S", at)
