"""Asks the grid's routers what they alone know: the access log, who is busy."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from ..service.tokens import Tokens
from ..wire.errors import GrilleError, Unavailable, from_problem
from ..wire.specs import Instance
from .records import Records

SERVICE = "router"


class Routers:
    """A client of all routers, with the admin token."""

    def __init__(self, session: aiohttp.ClientSession, tokens: Tokens, records: Records) -> None:
        self._session, self._tokens, self._records = session, tokens, records

    async def ask(self, path: str, query: dict[str, str], timeout: float) -> tuple[dict[str, Any], list[str]]:
        """Every router's answer to ``GET path`` by its id, asked at once, and the ids of those without one.

        Args:
            timeout: seconds that each router has.
        """
        routers = [one for (service, _), one in sorted(self._records.instances.items()) if service == SERVICE]
        answers = await asyncio.gather(*(self._one(one, path, query, timeout) for one in routers))
        found = {one.id: each for one, each in zip(routers, answers, strict=True) if each is not None}
        return found, [one.id for one in routers if one.id not in found]

    async def _one(self, router: Instance, path: str, query: dict[str, str], timeout: float) -> dict[str, Any] | None:
        try:
            return await self._get(router, path, query, timeout)
        except GrilleError:
            return None

    async def _get(self, router: Instance, path: str, query: dict[str, str], timeout: float) -> dict[str, Any]:
        """One router's answer; raises GrilleError."""
        headers = {"Authorization": f"Bearer {self._tokens.of('admin')}"}
        address = f"[{router.address}]" if ":" in router.address else router.address
        url, limits = f"http://{address}:{router.port}{path}", aiohttp.ClientTimeout(total=timeout)
        try:
            async with self._session.get(url, params=query, headers=headers, timeout=limits) as answer:
                document = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"router {router.id} does not answer: {error or type(error).__name__}") from None
        if answer.status >= 300:
            raise from_problem(answer.status, document)
        if not isinstance(document, dict):
            raise Unavailable(f"router {router.id} gave no answer that can be read")
        return document
