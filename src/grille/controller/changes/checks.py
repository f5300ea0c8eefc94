"""What requests have in common: bodies without unknown keys, apps that exist and may be changed, sane scales."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any

from ...service.http import not_found
from ...wire import names
from ...wire.errors import Conflict, InvalidValue, Unprocessable
from ...wire.specs import App, ProcessType
from ..planner import merge_scale
from ..records import Records

MOST_JOBS = 1000  # of one process type
MOST_ENV = 128 * 1024  # bytes of an environment; Linux refuses more in one string


def only(body: Mapping[str, object], allowed: Collection[str], what: str = "the request body") -> None:
    """Raise InvalidValue when ``body`` has a key that means nothing here."""
    if unknown := sorted(set(body) - set(allowed)):
        raise InvalidValue(
            f"{what} has an unknown key {unknown[0]!r}", remedy=f"use: {', '.join(sorted(allowed))}", code="unknown_key"
        )


def text(body: Mapping[str, Any], key: str, most: int = 1000) -> str:
    """The string at ``key``, empty when it is missing; raises InvalidValue."""
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise InvalidValue(f"{key} is not a string of at most {most} characters", remedy=f"give {key} as a string")
    return value


def mapping(body: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object at ``key``, empty when it is missing; raises InvalidValue."""
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidValue(f"{key} is {type(value).__name__}, not a mapping", remedy=f"give {key} as a mapping")
    return value


def environment(body: Mapping[str, Any], key: str = "env") -> dict[str, str | None]:
    """The environment at ``key``, None for variables to remove; raises InvalidValue."""
    value = body.get(key)
    if isinstance(value, dict):
        names.check_env({name: "" if one is None else one for name, one in value.items()})
        return dict(value)
    return {} if value is None else {**names.check_env(value)}


def check_size(env: Mapping[str, str]) -> None:
    """Raise InvalidValue when ``env`` is too large to be given to a process."""
    if sum(len(name) + len(value.encode()) + 2 for name, value in env.items()) > MOST_ENV:
        raise InvalidValue(
            f"the environment is larger than {MOST_ENV // 1024} KiB",
            remedy="keep large data in files",
            code="env_too_large",
        )


def user_app(records: Records, name: str, verb: str) -> App | None:
    """The app ``name`` when users may change it (None: not there yet).

    Raises:
        InvalidValue: not a name. Unprocessable: one of the grid's own. Conflict: it is being destroyed.
    """
    names.check_app(name)
    if records.is_system(name):
        raise Unprocessable(
            f"{name} is one of the grid's own bricks and cannot be {verb}",
            remedy="change the inventory and run playbooks/site.yml",
            code="critical",
        )
    app = records.apps.get(name)
    if app is not None and app.destroying:
        raise Conflict(
            f"app {name!r} is being destroyed", remedy="wait until it is gone, then try again", code="destroying"
        )
    return app


def existing_app(records: Records, name: str, verb: str) -> App:
    """The app ``name`` when it is there and users may change it; raises NotFound too."""
    app = user_app(records, name, verb)
    if app is None:
        raise unknown_app(name)
    return app


def unknown_app(name: str) -> Exception:
    """The error for an app that does not exist."""
    return not_found("app", name, "see the apps with playbooks/info.yml, or deploy it first")


def check_scale(processes: Mapping[str, ProcessType], wanted: Mapping[str, object], release: str) -> None:
    """Raise Unprocessable for process types not in ``processes``, InvalidValue for scales that cannot be."""
    for process, scale in wanted.items():
        if process not in processes:
            raise unknown_process(process, processes, release)
        if merge_scale(process, None, scale).count > MOST_JOBS:
            raise InvalidValue(f"count of {process} is above {MOST_JOBS}", remedy=f"use at most {MOST_JOBS}")


def unknown_process(process: object, processes: Mapping[str, ProcessType], release: str) -> Unprocessable:
    """The error for a process type that a release does not have."""
    has = ", ".join(sorted(processes)) or "none"
    return Unprocessable(
        f"{release} has no process type {process!r}", remedy=f"use one of: {has}", code="unknown_process_type"
    )


def ticket_id(queue: str, now: float) -> str:
    """A new ticket's id; ids of one queue sort by time."""
    return f"{queue}-{int(now * 1000):x}-{secrets.token_hex(3)}"
