"""Asks hosts' agents for the log lines of their jobs."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import aiohttp

from ..service.tokens import Tokens
from ..wire.errors import GrilleError, NotFound, Unavailable, from_problem
from .planner import Job
from .records import Records

LAST_LINES = 30
BRIEFLY = 3.0  # seconds that the best effort for a failed job's last lines may take
GONE: dict[str, Any] = {"lines": [], "cursor": "", "done": True}


class Agents:
    """A client of all agents, with the admin token."""

    def __init__(self, session: aiohttp.ClientSession, tokens: Tokens, records: Records) -> None:
        self._session, self._tokens, self._records = session, tokens, records

    async def logs(self, job: Job, query: dict[str, str], timeout: float = 10.0) -> dict[str, Any]:
        """Log lines of ``job`` as its agent gives them; ``done`` and empty when the agent knows it no longer.

        Raises:
            Unavailable: the job's host is away, or its agent does not answer within ``timeout`` seconds.
        """
        host = self._records.hosts.get(job.spec.host)
        if host is None:
            raise Unavailable(f"host {job.spec.host} of job {job.spec.id} is away", remedy="try again when it is back")
        url = f"{host.url.rstrip('/')}/jobs/{quote(job.spec.id)}/logs"
        headers = {"Authorization": f"Bearer {self._tokens.of('admin')}"}
        limits = aiohttp.ClientTimeout(total=timeout)
        try:
            async with self._session.get(url, params=query, headers=headers, timeout=limits) as answer:
                document = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(
                f"the agent of host {job.spec.host} does not answer: {error or type(error).__name__}",
                remedy="see that grille-agent runs on it",
            ) from None
        return _checked(answer.status, document)

    async def last_lines(self, job: Job) -> list[str]:
        """The texts of the job's last log lines; none when they cannot be had quickly."""
        try:
            async with asyncio.timeout(BRIEFLY):
                found = await self.logs(job, {"tail": str(LAST_LINES)}, BRIEFLY)
        except (GrilleError, TimeoutError):
            return []
        return [str(line.get("text", "")) for line in found["lines"]][-LAST_LINES:]


def _checked(status: int, document: Any) -> dict[str, Any]:
    if status == 404:
        return GONE
    if status >= 300:
        raise from_problem(status, document)
    if not isinstance(document, dict) or not isinstance(document.get("lines"), list):
        raise NotFound("the agent gave no log lines", code="no_logs")
    return document
