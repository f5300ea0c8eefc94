"""Log lines of jobs, tickets and apps, asked from the agents of the hosts that have them; requests, from routers."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from ...service.http import answer, not_found, seconds, whole
from ...wire.errors import GrilleError
from ...wire.specs import Ticket
from ..agents import GONE
from ..context import Context
from ..planner import Job
from .common import app_records, context, route
from .work import find

LONGEST = 60.0
MOST_LINES = 10_000
ROUTER = "router"  # the process of the access log's lines
PATIENCE = 4.0  # seconds that a router has to give its lines


def attach(app: web.Application) -> None:
    """Add the calls of this page."""
    route(app, "GET", "/jobs/{job}/logs", "read", of_job)
    route(app, "GET", "/tickets/{ticket}/logs", "read", of_ticket)
    route(app, "GET", "/apps/{app}/logs", "read", of_app)


async def of_job(request: web.Request) -> web.Response:
    """One job's lines after ``cursor``, waiting up to ``wait`` seconds for the next; ``tail``: the last ones only."""
    here, ident = context(request), request.match_info["job"]
    job = here.known().job(ident) or (await here.fresh()).job(ident)
    if job is None:
        raise not_found("job", ident, "see the jobs with GET /jobs")
    return answer(await _ask(request, here, job))


async def of_ticket(request: web.Request) -> web.Response:
    """The lines of a ticket's job; of a job that is gone those that were kept."""
    here = context(request)
    ticket = await find(here, request.match_info["ticket"])
    ended = ticket.state not in ("queued", "running")
    job = here.records.jobs.get((ticket.host, ticket.job))
    if job is None:
        return answer({**GONE, "lines": _kept(request, ticket), "done": ended})
    found = await _ask(request, here, job)
    if found is GONE:
        found = {**GONE, "lines": _kept(request, ticket), "done": ended}
    return answer({**found, "done": bool(found.get("done")) and ended})


async def of_app(request: web.Request) -> web.Response:
    """The last ``tail`` lines of an app's jobs, and of requests to it, by time; ``process=`` narrows it (``router``:
    requests). ``missing``: hosts and ``router/<id>`` that are silent."""
    name, records = await app_records(request)
    tail, process = _tail(request, 100), request.query.get("process", "")
    jobs = [one for one in records.jobs_of(name) if one.status and process in ("", one.spec.process)]
    requests, *answers = await asyncio.gather(
        _requests(context(request), name, tail, process), *(_lines(context(request), job, tail) for job in jobs)
    )
    lines, silent = requests
    lines += [line for found in answers for line in found or ()]
    missing = {job.spec.host for job, found in zip(jobs, answers, strict=True) if found is None}
    lines.sort(key=lambda line: float(line.get("time") or 0.0))
    return answer({"lines": lines[-tail:], "missing": [*sorted(missing), *silent]})


async def _requests(here: Context, app: str, tail: int, process: str) -> tuple[list[dict[str, Any]], list[str]]:
    """The access log's lines, if they are wanted, and the routers that gave none for want of an answer."""
    if process not in ("", ROUTER):
        return [], []
    found, missing = await here.routers.ask("/log", {"app": app, "tail": str(tail)}, PATIENCE)
    said = {"job": ROUTER, "process": ROUTER}
    lines = [{**line, **said, "router": ident} for ident, one in found.items() for line in one.get("lines") or ()]
    return lines, [f"router/{ident}" for ident in missing]


async def _lines(here: Context, job: Job, tail: int) -> list[dict[str, Any]] | None:
    try:
        found = await here.agents.logs(job, {"tail": str(tail)})
    except GrilleError:
        return None
    return [{**line, "job": job.spec.id, "process": job.spec.process} for line in found["lines"]]


async def _ask(request: web.Request, here: Context, job: Job) -> dict[str, Any]:
    wait = seconds(request, "wait", 0.0, LONGEST)
    query = {"wait": f"{wait:g}"} if wait else {}
    if cursor := request.query.get("cursor", ""):
        query["cursor"] = cursor
    if "tail" in request.query:
        query["tail"] = str(_tail(request, 0))
    return await here.agents.logs(job, query, timeout=wait + 10.0)


def _kept(request: web.Request, ticket: Ticket) -> list[dict[str, Any]]:
    """The lines in the ticket's result, once: a caller that has a cursor has seen them."""
    lines = ticket.result.get("logs")
    if request.query.get("cursor") or not isinstance(lines, list):
        return []
    return [{"stream": "stdout", "text": text, "time": ticket.finished} for text in lines]


def _tail(request: web.Request, usual: int) -> int:
    return whole(request, "tail", usual, MOST_LINES)
