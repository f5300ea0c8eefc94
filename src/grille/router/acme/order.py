"""One order of one certificate, from wherever it stands to the certificate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from acme import messages

from ...service.certificates import check_covered, read_key, read_pair
from ...wire.errors import TimedOut
from ...wire.routing import Certificate, Challenge
from .challenges import Challenges
from .records import Records
from .server import Refused, Server, new_key, pick, reason, signing_request

T = TypeVar("T")
DEADLINE = 120.0  # seconds that the server may take to try a challenge, or to issue
FIRST, GROWTH, MOST = 0.5, 1.5, 5.0  # seconds between two looks


class Ordering:
    """Orders certificates with one account.

    Args:
        directory: the server's, as the settings have it.
    """

    def __init__(self, server: Server, records: Records, challenges: Challenges, directory: str) -> None:
        self._server, self._records, self._challenges = server, records, challenges
        self._directory = directory

    async def obtain(self, record: Certificate) -> Certificate:
        """``record`` with a new chain and key; raises Unavailable (the order stands), Refused and others (it fell)."""
        order, key = await self._begun(record)
        await self._authorize(order, record.challenge)
        chain = await self._issued(order)
        pair = read_pair(chain, key)
        check_covered(record.domains, pair.leaf)
        leaf = pair.leaf
        return replace(
            record,
            chain=pair.chain,
            key=self._records.keyring.seal(f"certificate/{record.id}", pair.key),
            fingerprint=leaf.sha256,
            issuer=leaf.issuer,
            not_before=leaf.not_before,
            not_after=leaf.not_after,
            state="valid",
            reason="",
            attempts=0,
            next_try=0.0,
        )

    async def _begun(self, record: Certificate) -> tuple[messages.OrderResource, str]:
        """The order under way, or a new one, and the key that it is for."""
        found = await self._records.order(record, self._directory)
        if found is not None:
            before, key = found
            csr = signing_request(read_key(key), record.domains)
            order = await asyncio.to_thread(self._server.resume, before.uri, csr)
            if order is not None:
                return order, key
        key = new_key()
        order = await asyncio.to_thread(self._server.place, signing_request(read_key(key), record.domains))
        await self._records.put_order(record, self._directory, str(order.uri), key)
        return order, key

    async def _authorize(self, order: messages.OrderResource, kind: str) -> None:
        """Prove each domain that is not proven yet."""
        pending = [each for each in order.authorizations if each.body.status == messages.STATUS_PENDING]
        for each in order.authorizations:
            if each not in pending and each.body.status != messages.STATUS_VALID:
                raise Refused(reason(each.body), code="acme_unauthorized")
        if kind == "http-01":
            await self._by_http(pending)
        else:
            for each in pending:
                await self._by_dns(each)

    async def _by_http(self, pending: list[messages.AuthorizationResource]) -> None:
        if not pending:
            return
        chosen = [(each, pick(each.body, "http-01")) for each in pending]
        wanted = [
            Challenge(
                host=each.body.identifier.value, token=body.chall.encode("token"), answer=self._server.proof(body)
            )
            for each, body in chosen
        ]
        async with self._challenges.http(wanted):
            for each, body in chosen:
                await self._prove(each, body)
            for each in pending:
                await self._proven(each)

    async def _by_dns(self, each: messages.AuthorizationResource) -> None:
        body = pick(each.body, "dns-01")
        async with self._challenges.dns(each.body.identifier.value, self._server.proof(body)):
            await self._prove(each, body)
            await self._proven(each)

    async def _prove(self, each: messages.AuthorizationResource, body: messages.ChallengeBody) -> None:
        if body.status == messages.STATUS_PENDING:  # else it was answered before a crash
            await asyncio.to_thread(self._server.answer, body)

    async def _proven(self, each: messages.AuthorizationResource) -> None:
        found = await self._poll(
            lambda: self._server.authorization(each.uri),
            lambda one: one.status != messages.STATUS_PENDING,
            f"the ACME server has not tried {each.body.identifier.value}",
        )
        if found.status != messages.STATUS_VALID:
            raise Refused(reason(found), code="acme_unauthorized")

    async def _issued(self, order: messages.OrderResource) -> str:
        """The chain, once the server has issued it."""
        uri = str(order.uri)
        waiting = (messages.STATUS_PENDING, messages.STATUS_PROCESSING)
        now = await asyncio.to_thread(self._server.order, uri)
        if now.status in (messages.STATUS_PENDING, messages.STATUS_READY):
            await self._poll(
                lambda: self._server.order(uri),
                lambda one: one.status != messages.STATUS_PENDING,
                "the ACME server does not see that all domains are proven",
            )
            await asyncio.to_thread(self._server.finalize, order)
        done = await self._poll(
            lambda: self._server.order(uri),
            lambda one: one.status not in (*waiting, messages.STATUS_READY),
            "the ACME server has not issued the certificate",
        )
        if done.status != messages.STATUS_VALID or not done.certificate:
            said = done.error.detail if done.error is not None else f"the order is {done.status.name}"
            raise Refused(f"the ACME server says: {said}", code="acme_order_failed")
        return await asyncio.to_thread(self._server.chain, str(done.certificate))

    async def _poll(self, look: Callable[[], T], done: Callable[[T], bool], late: str) -> T:
        """What ``look`` sees once it is ``done``; raises TimedOut with the words of ``late``."""
        end, pause = time.monotonic() + DEADLINE, FIRST
        while True:
            seen = await asyncio.to_thread(look)
            if done(seen):
                return seen
            if time.monotonic() > end:
                raise TimedOut(f"{late} within {DEADLINE:g} s", code="acme_late")
            await asyncio.sleep(pause)
            pause = min(MOST, pause * GROWTH)
