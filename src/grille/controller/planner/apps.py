"""Ends: apps that are destroyed, releases whose deployment failed, jobs of hosts that will not come back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from grille.wire.specs import App, Ticket

from .formation import stop
from .types import Action, DeleteApp, DeleteJob, DeleteRelease, Job
from .view import View


def destroy(view: View) -> Iterator[Action]:
    """Stop all of an app that is being destroyed; drop its records once no job is left that an agent can see."""
    doomed = {app.name for app in view.state.apps.values() if app.destroying and not app.system}
    if not doomed:
        return
    left: dict[str, list[Job]] = defaultdict(list)
    for job in view.state.jobs:
        if job.spec.app in doomed and not job.spec.critical:
            left[job.spec.app].append(job)
    busy = {ticket.app for queue in view.open_tickets.values() for ticket in queue}
    for app in sorted(doomed):
        yield from (stop(job) for job in left[app] if job.spec.desired == "run")
        waits = (job for job in left[app] if job.spec.desired == "run" or view.where(job.spec.host) != "lost")
        if app not in busy and next(waits, None) is None:
            yield DeleteApp(app)


def forget(view: View) -> Iterator[Action]:
    """Drop the jobs of hosts that have been away for very long."""
    limits, gone = view.limits, view.state.hosts_gone
    forgotten = {
        host
        for host, at in gone.items()
        if host not in view.state.hosts and view.now - at > max(limits.host_forget, limits.host_grace)
    }
    if forgotten:
        for job in view.state.jobs:
            if job.spec.host in forgotten and not job.spec.critical:
                yield DeleteJob(job.spec.host, job.spec.id)


def failed_releases(view: View) -> Iterator[Action]:
    """Drop the releases of deployments that failed, and the app too when that leaves nothing of it.

    The times tell a release's own ticket from that of a release of an earlier app of the same name.
    """
    deployments = [ticket for ticket in view.state.tickets.values() if ticket.queue == "services"]
    wanted = {_named(ticket) for ticket in deployments if ticket.state not in ("failed", "cancelled")}
    dropped: set[tuple[str, int]] = set()
    for ticket in sorted(deployments, key=lambda ticket: ticket.id):
        app, named = view.app(ticket.app), _named(ticket)
        if app is None or named in wanted or named in dropped:
            continue
        if _never_was(view, app, ticket, named):
            dropped.add(named)
            yield DeleteRelease(*named)
        elif _nothing_left(view, app, ticket):
            dropped.add(named)
            yield DeleteApp(app.name)


def _named(ticket: Ticket) -> tuple[str, int]:
    version = ticket.payload.get("release")
    return ticket.app, version if isinstance(version, int) else 0


def _never_was(view: View, app: App, ticket: Ticket, named: tuple[str, int]) -> bool:
    release, formation = view.state.releases.get(named), view.state.formations.get(app.name)
    current = formation.release if formation else 0
    return release is not None and current != release.version and ticket.created >= release.created


def _nothing_left(view: View, app: App, ticket: Ticket) -> bool:
    """Whether the ticket was the app's only deployment, its first, and no trace of it is left to stop."""
    formation = view.state.formations.get(app.name)
    return (
        ticket.payload.get("release") == app.last_release
        and not ticket.payload.get("previous")
        and (formation is None or not formation.release)
        and not any(view.services.get(app.name, {}).values())
        and not any(name == app.name for name, _ in view.state.releases)
        and not any(open_.app == app.name for queue in view.open_tickets.values() for open_ in queue)
    )
