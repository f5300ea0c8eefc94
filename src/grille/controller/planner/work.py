"""One-off runs and builds: tickets that are one job each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from grille.wire.specs import JobSpec, JobStatus, Ticket

from . import specs
from .formation import stop
from .tickets import cancel, doomed, end, startable
from .types import Action, FinishBuild, Job, SetTicket, StartJob
from .view import View, ended, since


def runs(view: View) -> Iterator[Action]:
    """The ephemeral queue. A run is never tried twice: nobody knows what the first try did."""
    for ticket in view.open_tickets["ephemeral"]:
        if ticket.state == "running" and not doomed(view, ticket):
            yield from _follow_run(view, ticket)
    for ticket in startable(view, "ephemeral", view.limits.ephemeral, None):
        release = view.current(ticket.app) if view.app(ticket.app) else None
        if release is None:
            yield _fail(view, ticket, f"{ticket.app} has no release to run", "no_release", "deploy it first")
        elif host := _host(view, ticket.app, "run"):
            spec = specs.one_off(ticket, release, view.state.images, view.limits, host, view.now)
            yield StartJob(spec, SetTicket(ticket, _running(view, ticket, spec)))


def builds(view: View) -> Iterator[Action]:
    """The builds queue: one at a time per app; what is not the user's doing is tried again."""
    busy: set[str] = set()
    for ticket in view.open_tickets["builds"]:
        if ticket.state == "running" and not doomed(view, ticket):
            busy.add(ticket.app)
            yield from _follow_build(view, ticket)
    for ticket in startable(view, "builds", view.limits.builds, busy):
        if host := _host(view, ticket.app, "build"):
            counted = replace(ticket, attempts=ticket.attempts + 1)
            spec = specs.build(counted, view.state.images, view.limits, host, view.now)
            yield StartJob(spec, SetTicket(ticket, _running(view, ticket, spec)))


def reap(view: View) -> Iterator[Action]:
    """Stop jobs that no running ticket holds: ended ones once their logs were kept, others at once.

    A job of no known ticket may be newer than this view of the tickets: it is given the grace of a host.
    """
    held = {ticket.job for queue in view.open_tickets.values() for ticket in queue if ticket.state == "running"}
    over = {ticket.job for ticket in view.state.tickets.values()} - held
    for job in view.work.values():
        if job.spec.id in held or job.spec.desired == "stop" or job.spec.process not in ("run", "build"):
            continue
        if ended(job):
            # An app that never came to be, or is gone, leaves nothing behind once its log was read.
            due = since(job) + (view.limits.keep_jobs if view.app(job.spec.app) else view.limits.keep_orphans)
        else:
            due = 0.0 if job.spec.id in over else job.spec.created + view.limits.host_grace
        if view.now >= due:
            yield stop(job)


def _host(view: View, app: str, process: str) -> str:
    there = (job.spec for job in view.work.values() if not ended(job))
    present = Counter(spec.host for spec in there if spec.app == app and spec.process == process)
    return next(iter(view.placer.place(1, present)), "")


def _running(view: View, ticket: Ticket, spec: JobSpec) -> Ticket:
    attempts = ticket.attempts + 1
    return replace(
        ticket, state="running", started=view.now, attempts=attempts, host=spec.host, job=spec.id, not_before=0.0
    )


def _fail(view: View, ticket: Ticket, reason: str, code: str, remedy: str = "") -> Action:
    return SetTicket(ticket, end(ticket, view.now, "failed", reason, code, remedy))


def _lost(view: View, job: Job | None) -> bool:
    return job is None or (view.where(job.spec.host) == "lost" and not ended(job))


def _timed_out(ticket: Ticket, at: float) -> bool:
    return bool(ticket.deadline) and at > ticket.started + ticket.deadline


def _time_out(view: View, ticket: Ticket) -> Action:
    reason = f"not done after {ticket.deadline:g} s"
    return _fail(view, ticket, reason, "timed_out", "give it a longer deadline, or see its log lines")


def _follow_run(view: View, ticket: Ticket) -> Iterator[Action]:
    job = view.work.get(ticket.job)
    if job is not None and job.status and ended(job):
        yield SetTicket(ticket, _judge(ticket, job.status, view.now))
    elif ticket.cancel:
        yield cancel(ticket, view.now)
    elif _lost(view, job):
        yield _fail(view, ticket, f"its job on host {ticket.host} was lost", "job_lost", "run it again if it may be")
    elif _timed_out(ticket, view.now):
        yield _time_out(view, ticket)


def _judge(ticket: Ticket, status: JobStatus, now: float) -> Ticket:
    """The ticket of a run that ended, by its job's exit."""
    ticket = replace(ticket, result={**ticket.result, "exit_code": status.exit_code})
    if status.state == "failed":
        code = "timed_out" if _timed_out(ticket, status.changed) else "start_failed"
        return end(ticket, now, "failed", status.reason or "could not be started", code, "")
    if status.exit_code == 0:
        return end(ticket, now, "succeeded", "", "", "")
    return end(ticket, now, "failed", f"exited with code {status.exit_code}", "exited", "see its log lines")


def _follow_build(view: View, ticket: Ticket) -> Iterator[Action]:
    job = view.work.get(ticket.job)
    status = job.status if job else None
    if ticket.cancel:
        yield cancel(ticket, view.now)
    elif status and status.state == "exited" and status.exit_code in (0, 1):
        yield _finish(view, ticket, status.exit_code, status.changed)
    elif status and status.state in ("exited", "failed") and not _timed_out(ticket, status.changed):
        said = status.reason or f"the builder exited with code {status.exit_code}"
        yield _again(view, ticket, said, "build_failed")
    elif _lost(view, job):
        yield _again(view, ticket, f"its job on host {ticket.host} was lost", "job_lost")
    elif _timed_out(ticket, view.now):
        yield _time_out(view, ticket)


def _finish(view: View, ticket: Ticket, exit_code: int, at: float) -> Action:
    if view.now > max(at, ticket.started) + view.limits.publish_deadline:
        return _fail(view, ticket, "its result could not be read from shelf", "unavailable", "build it again")
    return FinishBuild(ticket, exit_code)


def _again(view: View, ticket: Ticket, reason: str, code: str) -> Action:
    """Try again later, as long as attempts are left."""
    if ticket.attempts >= ticket.max_attempts:
        return _fail(view, ticket, reason, code, "see its log lines, then build it again")
    later = view.now + 2.0**ticket.attempts
    return SetTicket(
        ticket,
        replace(ticket, state="queued", not_before=later, host="", job="", started=0.0, reason=reason, code=code),
    )
