"""Deployments: the tickets of the services queue. One at a time per app; the formation's rules do the work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from grille.wire.errors import GrilleError
from grille.wire.specs import Formation, JobStatus, Release, Scale, Ticket

from .changes import next_formation
from .formation import Group, group, process_types
from .tickets import doomed, end, startable
from .types import Action, Job, SetDeployment, SetTicket
from .view import View, ended

CRASHES = 3  # restarts of a new job that tell that it will not stay up
BOOT_MARGIN = 60.0  # to fetch a slug and start a container, on top of a process type's boot timeout


class Deployments:
    """What happens to deployments in this plan.

    After ``decide``: ``running`` names the apps whose deployment goes on, ``changing`` those whose formation
    this plan writes, so that nothing else is planned for them until that is seen.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.running: set[str] = set()
        self.changing: set[str] = set()

    def decide(self) -> Iterator[Action]:
        """One action per ticket that starts, succeeds or fails now."""
        for ticket in self.view.open_tickets["services"]:
            if ticket.state == "running" and not doomed(self.view, ticket):
                yield from self._follow(ticket)
        busy = self.running | self.changing
        for ticket in startable(self.view, "services", self.view.limits.services, busy):
            yield from self._begin(ticket)

    def _begin(self, ticket: Ticket) -> Iterator[Action]:
        view, former = self.view, self.view.state.formations.get(ticket.app)
        release = _release_of(view, ticket)
        if release is None:
            yield _without_release(view, ticket)
            return
        try:
            formation = next_formation(former, release, ticket.payload.get("scale") or {})
        except GrilleError as error:
            yield SetTicket(ticket, end(ticket, view.now, "failed", error.message, error.code, error.remedy))
            return
        self.changing.add(ticket.app)
        payload = {**ticket.payload, "previous": former.release if former else 0}
        after = replace(
            ticket,
            state="running",
            started=view.now,
            attempts=ticket.attempts + 1,
            payload=payload,
            result={"former": _plain(former)},
        )
        yield SetDeployment(ticket, after, former, formation)

    def _follow(self, ticket: Ticket) -> Iterator[Action]:
        view, formation = self.view, self.view.state.formations.get(ticket.app)
        release = _release_of(view, ticket)
        if release is None or formation is None or formation.release != release.version:
            yield _without_release(view, ticket)
            return
        groups = {name: group(view, formation, release, name) for name in process_types(view, formation, release)}
        if ticket.cancel:
            after = end(ticket, view.now, "cancelled", "cancelled by the user", "cancelled", "")
            yield self._revert(ticket, after, formation, None)
        elif broken := _broken(view, ticket.app, release):
            yield self._revert(ticket, _blame(view, ticket, broken), formation, broken)
        elif all(of.settled for of in groups.values()):
            yield self._succeed(ticket, formation, release)
        elif late := _late(view, ticket, release, groups):
            suspect = _suspect(view, groups)
            yield self._revert(ticket, _named(late, suspect), formation, suspect)
        else:
            self.running.add(ticket.app)

    def _succeed(self, ticket: Ticket, formation: Formation, release: Release) -> Action:
        self.changing.add(ticket.app)
        kept = {name: scale for name, scale in formation.processes.items() if name in release.processes}
        after = replace(end(ticket, self.view.now, "succeeded", "", "", ""), result={"release": release.version})
        return SetDeployment(ticket, after, formation, replace(formation, processes=kept))

    def _revert(self, ticket: Ticket, after: Ticket, formation: Formation, failed: Job | None) -> Action:
        self.changing.add(ticket.app)
        after = replace(after, result={})
        return SetDeployment(ticket, after, formation, _former(self.view, ticket, formation), failed)


def _release_of(view: View, ticket: Ticket) -> Release | None:
    """The release to deploy, when the app is there to be deployed."""
    version = ticket.payload.get("release")
    if view.app(ticket.app) is None or not isinstance(version, int):
        return None
    return view.state.releases.get((ticket.app, version))


def _without_release(view: View, ticket: Ticket) -> Action:
    app = view.state.apps.get(ticket.app)
    if app is not None and app.system:
        text, remedy = f"{ticket.app} is one of the grid's own bricks", "run playbooks/site.yml to update it"
    else:
        text = f"release {ticket.payload.get('release')} of {ticket.app} is no longer there"
        remedy = "deploy again"
    return SetTicket(ticket, end(ticket, view.now, "failed", text, "not_found", remedy))


def _plain(former: Formation | None) -> dict[str, Any] | None:
    """A formation as it is kept in a ticket's result while its deployment runs."""
    if former is None:
        return None
    scales = {
        name: {"count": scale.count, "memory": scale.memory, "cpu": scale.cpu}
        for name, scale in former.processes.items()
    }
    return {"release": former.release, "processes": scales}


def _former(view: View, ticket: Ticket, now: Formation) -> Formation | None:
    """The formation to go back to: the former release; scales set since then stay, those of the ticket go."""
    kept = ticket.result.get("former")
    if not kept:
        return None
    scales = {name: Scale(**scale) for name, scale in kept["processes"].items()}
    deployed = ticket.payload.get("scale") or {}
    touched = {name: scale for name, scale in now.processes.items() if name in scales and name not in deployed}
    return Formation(app=now.app, release=kept["release"], processes={**scales, **touched})


def _new_jobs(view: View, app: str, release: Release) -> Iterator[Job]:
    for jobs in view.services.get(app, {}).values():
        yield from (job for job in jobs if job.spec.release == release.version and job.spec.desired == "run")


def _broken(view: View, app: str, release: Release) -> Job | None:
    """A job of the new release that ended, or crashes again and again."""
    for job in _new_jobs(view, app, release):
        status = job.status
        if ended(job) or (status and status.restarts >= CRASHES and status.state != "up"):
            return job
    return None


def _blame(view: View, ticket: Ticket, job: Job) -> Ticket:
    """The ticket, failed because of ``job``."""
    status, seconds = job.status, job.spec.health.boot_timeout
    if status is None or (status.exit_code is None and status.restarts == 0 and not status.started):
        code, said, remedy = "start_failed", "could not be started", "see the reason, then deploy again"
    elif status.exit_code is not None or status.restarts:
        code, said = "crashed", f"exited{_with_code(status)}"
        remedy = "see the last log lines, repair the process's command, deploy again"
    else:
        code, said = "boot_timeout", f"was not healthy within {seconds:g} s"
        remedy = f"make it listen on port {job.spec.port} ($PORT) on all addresses, or give it a longer boot timeout"
    detail = status.reason if status and status.reason else said
    return _named(end(ticket, view.now, "failed", f"{job.spec.process}: {detail}", code, remedy), job)


def _with_code(status: JobStatus) -> str:
    return "" if status.exit_code is None else f" with code {status.exit_code}"


def _late(view: View, ticket: Ticket, release: Release, groups: dict[str, Group]) -> Ticket | None:
    """The ticket, timed out, when it has gone on for too long, or for too long without progress."""
    boots = [kind.health.boot_timeout for kind in release.processes.values()]
    step = max([view.limits.deployment_step, *(boot + BOOT_MARGIN for boot in boots)])
    if ticket.deadline and view.now > ticket.started + ticket.deadline:
        said = f"not done after {ticket.deadline:g} s"
    elif view.now > _progress(view, ticket) + step:
        said = f"no progress for {step:g} s"
    else:
        return None
    waits = [f"{of.right_up} of {of.count} {name} up" for name, of in groups.items() if not of.settled]
    remedy = "see the last log lines and that the hosts have room, then deploy again"
    return end(ticket, view.now, "failed", f"{said}: {', '.join(waits)}", "timed_out", remedy)


def _progress(view: View, ticket: Ticket) -> float:
    """When the deployment last moved. A job that leaves may take its drain and grace."""
    moments = [ticket.started]
    for jobs in view.services.get(ticket.app, {}).values():
        for job in jobs:
            changed = job.status.changed if job.status else 0.0
            if job.spec.desired == "stop":
                moments.append(changed + job.spec.drain_deadline + job.spec.stop_grace if changed else 0.0)
            elif job.spec.release == ticket.payload["release"]:
                moments += (job.spec.created, changed)
    return max(moments)


def _suspect(view: View, groups: dict[str, Group]) -> Job | None:
    """A new job that is not up, for its log lines."""
    waiting = [job for of in groups.values() for job in of.right if job.status and not view.is_up(job)]
    return min(waiting, key=lambda job: (job.spec.created, job.spec.id), default=None)


def _named(ticket: Ticket, job: Job | None) -> Ticket:
    return replace(ticket, host=job.spec.host, job=job.spec.id) if job else ticket
