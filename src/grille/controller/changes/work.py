"""Apps that come and go, and tickets for builds and one-off runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...service.http import not_found
from ...service.sealing import Keyring
from ...wire import keys, names
from ...wire.errors import InvalidValue, Unprocessable
from ...wire.specs import App, Ticket
from ..planner import merge_env
from ..records import Records
from . import checks
from .config_choice import choose
from .config_wish import Wish, variables
from .draft import Draft
from .route_targets import check_unused
from .routes import LOCK

BUILD_ATTEMPTS = 2  # what is not the user's doing (a host lost) is tried again
RUN_DEADLINE = 3600.0
MOST_SECONDS = 7 * 86400.0


def create_app(records: Records, name: str, body: Mapping[str, Any], now: float) -> Draft:
    """PUT /apps/<app>: 201 for a new one, 200 for one that is there."""
    checks.only(body, ())
    app = checks.user_app(records, name, "created")
    if app is not None:
        return Draft(records, app)
    draft = Draft(records, App(name=name, created=now), 201)
    draft.put(keys.app(name), draft.answer)
    return draft


def destroy_app(records: Records, name: str) -> Draft:
    """DELETE /apps/<app>: mark it; the leader takes it apart, its record goes last.

    Raises:
        NotFound, Conflict (a route of another app sends requests to it), Unprocessable (a brick).
    """
    app = records.apps.get(names.check_app(name))
    if app is not None and app.destroying and not app.system:
        return Draft(records, app, 202)
    app = checks.existing_app(records, name, "destroyed")
    check_unused(records, name)
    draft = Draft(records, replace(app, destroying=True), 202)
    draft.put(keys.app(name), draft.answer)
    draft.check(LOCK)
    return draft


def build(records: Records, name: str, body: Mapping[str, Any], now: float, keyring: Keyring) -> Draft:
    """POST /apps/<app>/builds: a ticket; the app need not exist. ``env`` and ``secrets`` are laid over its own."""
    checks.user_app(records, name, "built")
    checks.only(body, ("source", "env", "secrets", "buildpack", "deadline"))
    given = variables(body, "env", "secrets")
    wish = Wish(values=given["env"], secrets=given["secrets"])
    merged = choose(records, name, records.current(name), wish, keyring, now).merged
    payload = {
        "source": names.check_digest(body.get("source")),
        "env": merged.values,
        "secrets": merged.secrets,
        "buildpack": checks.text(body, "buildpack"),
    }
    return _queued(records, "builds", name, payload, now, _deadline(body, 900.0), attempts=BUILD_ATTEMPTS)


def run(records: Records, name: str, body: Mapping[str, Any], now: float) -> Draft:
    """POST /apps/<app>/runs: a ticket for one command on the app's current release."""
    checks.existing_app(records, name, "given one-off runs")
    checks.only(body, ("command", "env", "deadline"))
    command = checks.text(body, "command", 32768)
    if not command.strip():
        raise InvalidValue("command is empty", remedy="give the command line to run", code="empty_command")
    if records.current(name) is None:
        raise Unprocessable(f"app {name!r} has no release to run", remedy="deploy it first", code="no_release")
    payload = {"command": command, "env": merge_env({}, checks.environment(body))}
    return _queued(records, "ephemeral", name, payload, now, _deadline(body, RUN_DEADLINE))


def cancel(records: Records, ident: str) -> Draft:
    """DELETE /tickets/<id>: the user's wish; the leader ends it. One that ended stays as it is."""
    ticket = records.tickets.get(ident)
    if ticket is None:
        raise not_found("ticket", ident, "see the tickets with GET /queues")
    if ticket.cancel or ticket.state not in ("queued", "running"):
        return Draft(records, ticket)
    draft = Draft(records, replace(ticket, cancel=True), 202)
    draft.put(keys.ticket(ticket.queue, ident), draft.answer)
    return draft


def _queued(
    records: Records, queue: Any, app: str, payload: dict[str, Any], now: float, deadline: float, attempts: int = 1
) -> Draft:
    ident = checks.ticket_id("build" if queue == "builds" else "run", now)
    ticket = Ticket(
        id=ident, queue=queue, app=app, created=now, payload=payload, deadline=deadline, max_attempts=attempts
    )
    draft = Draft(records, ticket, 201)
    draft.put(keys.ticket(queue, ident), ticket)
    draft.check(keys.app(app))
    return draft


def _deadline(body: Mapping[str, Any], usual: float) -> float:
    value = body.get("deadline")
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_SECONDS:
        raise InvalidValue(
            f"deadline is {value!r}", remedy=f"use seconds, 0 (none) to {MOST_SECONDS:g}", code="invalid_deadline"
        )
    return float(value)
