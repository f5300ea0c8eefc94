"""Letting the ACME server see that a domain is ours: every router answers (http-01), or a hook makes a record (dns-01).

The hook is an HTTP service of the operator's. It gets ``POST`` with JSON, ``{"do": "present" or "cleanup", "name":
"_acme-challenge.example.org", "value": "…"}``, and answers 2xx once the name servers do (or no more do) have that TXT
record. A name may have two values at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import aiohttp
import structlog

from ...wire.errors import Unavailable, Unprocessable
from ...wire.routing import Challenge
from .records import Records

log = structlog.get_logger()
ACKNOWLEDGED = 30.0  # seconds that all routers have to take a challenge
POLL = 0.1
HOOK = 180.0  # seconds that the hook has


class Challenges:
    """Presents challenges, and takes them away again.

    Args:
        hook: the URL of the DNS hook; empty: there is none.
    """

    def __init__(self, records: Records, hook: str) -> None:
        self._records, self._hook = records, hook

    @contextlib.asynccontextmanager
    async def http(self, challenges: list[Challenge]) -> AsyncIterator[None]:
        """Within it every live router answers ``challenges``; raises Unavailable when one does not take them."""
        try:
            revision = 0
            for each in challenges:
                revision = await self._records.put_challenge(each)
            await self._acknowledged(revision)
            yield
        finally:
            await asyncio.shield(self._records.drop_challenges())

    async def _acknowledged(self, revision: int) -> None:
        end = time.monotonic() + ACKNOWLEDGED
        while True:
            routers = await self._records.routers()
            late = sorted(name for name, seen in routers.items() if seen < revision)
            if routers and not late:
                return
            if time.monotonic() > end:
                who = f"router {', '.join(late)} does not answer" if late else "no router lives to answer"
                raise Unavailable(f"{who} the challenge", remedy="see GET /routers")
            await asyncio.sleep(POLL)

    @contextlib.asynccontextmanager
    async def dns(self, domain: str, value: str) -> AsyncIterator[None]:
        """Within it the TXT record of ``domain``'s challenge is ``value``; raises Unprocessable, Unavailable."""
        name = f"_acme-challenge.{domain}"
        await self._call("present", name, value)
        try:
            yield
        finally:
            try:
                await asyncio.shield(self._call("cleanup", name, value))
            except (Unavailable, Unprocessable) as error:
                log.warning("a DNS record was left behind", name=name, error=error.message)

    async def _call(self, do: str, name: str, value: str) -> None:
        if not self._hook:
            raise Unprocessable("dns-01 needs a DNS hook", remedy="set dns_hook with PUT /acme", code="no_dns_hook")
        timeout = aiohttp.ClientTimeout(total=HOOK)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._hook, json={"do": do, "name": name, "value": value}) as answer,
            ):
                text = " ".join((await answer.text()).split())[:200]
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = str(error) or type(error).__name__
            raise Unavailable(f"the DNS hook does not answer: {said}", code="dns_hook_unavailable") from None
        if status // 100 != 2:
            raise Unprocessable(f"the DNS hook says {status} to {do} {name}: {text}", code="dns_hook_failed")
