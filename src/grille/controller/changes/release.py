"""POST /apps/<app>/releases: a release and its deployment's ticket, or nothing when nothing differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...service.sealing import Keyring
from ...wire import keys
from ...wire.errors import Conflict, GrilleError, Unprocessable
from ...wire.routing import Route
from ...wire.specs import App, Release, Ticket
from ..planner import same_release, scale_formation
from ..records import Records
from . import checks
from .candidate import candidate
from .config_choice import Choice
from .draft import Draft
from .routes import check_free

TICK = 0.001  # seconds between the deployments of one app, at least
DEADLINE = 1800.0  # seconds that a deployment may take in all; without progress it ends sooner


def release(records: Records, name: str, body: Mapping[str, Any], now: float, domain: str, keyring: Keyring) -> Draft:
    """The draft of a new release of app ``name``; an unchanged one answers 200 and has no new ticket.

    A release builds upon the newest one that is still to be deployed, else upon the current one.

    Raises:
        GrilleError: InvalidValue, NotFound, Conflict, Unprocessable: what is wrong with the request.
    """
    app = checks.user_app(records, name, "deployed")
    base = newest_release(records, name)
    wanted, choice = candidate(records, name, body, base, now, keyring)
    scale = checks.mapping(body, "scale")
    checks.check_scale(wanted.processes, scale, f"this release of {name}")
    if app is not None and base is not None and same_release(wanted, base):
        draft = _unchanged(records, base, pending_deployment(records, name), scale)
        if choice.differs:
            draft.answer["changed"] = True
            choice.write(draft, 0)
        return draft
    return new(records, app or App(name=name, created=now), wanted, base, scale, now, domain, choice)


def pending_deployment(records: Records, app: str) -> Ticket | None:
    """The deployment of the newest release of ``app`` among those that have not ended."""
    waiting = (one for one in records.deployments(app) if one.state in ("queued", "running") and not one.cancel)
    return max(waiting, key=lambda ticket: int(ticket.payload.get("release", 0)), default=None)


def newest_release(records: Records, app: str) -> Release | None:
    """What the next release builds upon: the newest to be deployed, else what a cancelled deployment goes back to."""
    pending = pending_deployment(records, app)
    if pending is not None:
        return records.releases.get((app, pending.payload.get("release", 0)))
    leaving = next((one for one in records.deployments(app) if one.state == "running"), None)
    if leaving is not None:
        return records.releases.get((app, leaving.payload.get("previous", 0)))
    return records.current(app)


def new(
    records: Records,
    app: App,
    wanted: Release,
    base: Release | None,
    scale: dict[str, Any],
    now: float,
    domain: str,
    choice: Choice,
) -> Draft:
    """The draft of ``wanted`` as the app's next release, with its configuration and its deployment's ticket."""
    made = replace(wanted, version=app.last_release + 1)
    current, pending = records.formations.get(app.name), pending_deployment(records, app.name)
    if pending is not None:
        now = max(now, pending.created + TICK)  # the queue is in the order of creation, whoever's clock is slow
    ticket = Ticket(
        id=checks.ticket_id("deploy", now),
        queue="services",
        app=app.name,
        created=now,
        payload={"release": made.version, "previous": current.release if current else 0, "scale": scale},
        deadline=DEADLINE,
    )
    draft = Draft(records, {"release": made, "ticket": ticket, "changed": True}, 201)
    draft.put(keys.app(app.name), replace(app, last_release=made.version))
    draft.put(keys.release(app.name, made.version), made)
    draft.put(keys.ticket("services", ticket.id), ticket)
    choice.write(draft, made.version)
    if "web" in made.processes and (base is None or "web" not in base.processes):
        _default_route(draft, app.name, now, domain)
    return draft


def _default_route(draft: Draft, app: str, now: float, domain: str) -> None:
    if app in draft.records.routes:
        return
    route = Route(id=app, host=f"{app}.{domain}", service=f"{app}-web", created=now, app=app)
    check_free(draft, route)
    draft.put(keys.route(app), route)


def _unchanged(records: Records, base: Release, pending: Ticket | None, scale: dict[str, Any]) -> Draft:
    """Only the scale may differ; it goes where it will be read: the queued ticket, or the formation."""
    draft = Draft(records, {"release": base, "ticket": pending, "changed": False})
    if pending is not None and pending.state == "queued" and scale:
        after = replace(pending, payload={**pending.payload, "scale": {**pending.payload.get("scale", {}), **scale}})
        draft.answer |= {"ticket": after, "changed": after != pending}
        draft.put(keys.ticket("services", pending.id), after)
        return draft
    formation = records.formations.get(base.app)
    if formation is not None and scale:
        scaled = scale_formation(formation, base, scale)
        if scaled != formation:
            draft.answer["changed"] = True
            draft.put(keys.formation(base.app), scaled)
    return draft


def scale(records: Records, name: str, body: Mapping[str, Any]) -> Draft:
    """PUT /apps/<app>/formation: other counts and limits for process types of the current release."""
    checks.existing_app(records, name, "scaled")
    checks.only(body, ("processes",))
    wanted = checks.mapping(body, "processes")
    formation, current = records.formations.get(name), records.current(name)
    if formation is None or current is None:
        raise _not_deployed(records, name)
    checks.check_scale(current.processes, wanted, f"release {current.version} of {name}")
    scaled = scale_formation(formation, current, wanted)
    draft = Draft(records, {"formation": scaled, "changed": scaled != formation})
    if scaled != formation:
        draft.put(keys.formation(name), scaled)
    return draft


def _not_deployed(records: Records, name: str) -> GrilleError:
    if pending_deployment(records, name):
        return Conflict(f"app {name!r} is being deployed for the first time", remedy="wait for it", code="not_deployed")
    return Unprocessable(f"app {name!r} has no release to scale", remedy="deploy it first", code="no_release")
