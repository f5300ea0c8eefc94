"""Carries out actions: transactions in order, jobs several at a time, what asks agents or shelf in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import structlog

from ...wire.errors import Conflict, GrilleError
from ...wire.specs import Ticket
from ..context import Context
from ..planner import Action, DeleteApp, FinishBuild, Job, SetDeployment, SetTicket, StartJob, StopJob
from . import builds
from .background import Background
from .writes import Transaction, Writer, rewritten, with_logs

log = structlog.get_logger()
AT_ONCE = 8  # transactions on jobs under way at a time


@dataclass(frozen=True)
class Work:
    """One action, and the transactions it makes; ``finish`` changes its ticket first, which takes time."""

    action: Action
    transactions: list[Transaction]
    ticket: Ticket | None = None
    finish: Callable[[Ticket], Awaitable[Ticket]] | None = None


class Executor:
    """Carries out what the planner decided, as long as this controller leads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._writer = Writer(context.records)
        self.background = Background()

    def prepare(self, actions: Sequence[Action], now: float) -> list[Work]:
        """The work that ``actions`` are, bound to the revisions of this moment; without what cannot be done now."""
        made: list[Work] = []
        for action in actions:
            try:
                made.append(self._prepared(action, now))
            except GrilleError as error:
                log.warning("action put off", action=type(action).__name__, error=error.message)
        return made

    def _prepared(self, action: Action, now: float) -> Work:
        match action:
            case StartJob(spec=spec, ticket=ticket) if spec.kind == "build" and ticket is not None:
                spec = builds.with_environment(self._context.shelf, spec, ticket.after, now)
                return Work(action, self._writer.transactions(replace(action, spec=spec)))
            case FinishBuild(ticket=before, exit_code=exit_code):
                return Work(action, [self._writer.ticket(before)], before, self._publisher(before, exit_code))
            case SetDeployment(after=after, failed=Job() as job):
                return Work(action, self._writer.transactions(action), after, self._logger(job))
            case SetTicket(after=after) if self._job_of(after):
                return Work(action, self._writer.transactions(action), after, self._logger(self._job_of(after)))
            case _:
                return Work(action, self._writer.transactions(action))

    async def carry(self, work: Sequence[Work]) -> None:
        """Do ``work``; returns when the records show it (what is slow goes on in the background)."""
        done = 0
        for together, group in groupby(work, lambda one: isinstance(one.action, StartJob | StopJob)):
            some = list(group)
            done = max(done, await (self._all(some) if together else self._each(some)))
        if done:
            await self._context.reach(done)

    async def _each(self, work: list[Work]) -> int:
        done = 0
        for one in work:
            if one.finish is None:
                done = max(done, await self._do(one.transactions, one.action))
            else:
                self.background.start(one.ticket.id if one.ticket else "", self._slowly(one))
        return done

    async def _all(self, work: list[Work]) -> int:
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(some: Work) -> int:
            async with gate:
                return await self._do(some.transactions, some.action)

        found = await asyncio.gather(*(one(some) for some in work), return_exceptions=True)
        for outcome in found:
            if isinstance(outcome, BaseException):
                raise outcome
        return max(outcome for outcome in found if isinstance(outcome, int))

    async def _slowly(self, work: Work) -> None:
        assert work.finish is not None
        assert work.ticket is not None
        after = await work.finish(work.ticket)
        await self._do([rewritten(one, after) for one in work.transactions], work.action)

    async def _do(self, transactions: list[Transaction], action: Action) -> int:
        """Write, under the leader's fence; 0 when somebody else was faster (the next plan sees what is left)."""
        revision, name = 0, type(action).__name__
        try:
            for one in transactions:
                fence = self._context.election.fence()
                revision = await self._context.store.transact([fence, *one.checks], one.writes)
        except Conflict:
            self._context.metrics.actions.labels(name, "conflict").inc()
            log.info("action outdated", action=name)
            return revision
        self._context.metrics.actions.labels(name, "done").inc()
        log.info("action", action=name, **described(action))
        if isinstance(action, DeleteApp):
            self.background.start(f"cache {action.app}", self._context.shelf.delete(f"caches/{action.app}.tar.zst"))
        return revision

    def _job_of(self, ticket: Ticket) -> Job | None:
        """The job whose log lines go with a run or build that ends."""
        if ticket.queue == "services" or ticket.state in ("queued", "running") or not ticket.job:
            return None
        return self._context.records.jobs.get((ticket.host, ticket.job))

    def _logger(self, job: Job | None) -> Callable[[Ticket], Awaitable[Ticket]]:
        async def finish(ticket: Ticket) -> Ticket:
            return with_logs(ticket, await self._context.agents.last_lines(job)) if job else ticket

        return finish

    def _publisher(self, before: Ticket, exit_code: int) -> Callable[[Ticket], Awaitable[Ticket]]:
        job = self._context.records.jobs.get((before.host, before.job))

        async def finish(ticket: Ticket) -> Ticket:
            after = await builds.publish(self._context.shelf, ticket, exit_code)
            return with_logs(after, await self._context.agents.last_lines(job)) if job else after

        return finish


def described(action: Action) -> dict[str, object]:
    """What a log line says of an action."""
    match action:
        case StartJob(spec=spec) | StopJob(spec=spec):
            return {"job": spec.id, "host": spec.host}
        case SetTicket(after=after) | SetDeployment(after=after):
            return {"ticket": after.id, "state": after.state, "reason": after.reason}
    return {"subject": str(getattr(action, "app", "") or getattr(getattr(action, "ticket", None), "id", ""))}
