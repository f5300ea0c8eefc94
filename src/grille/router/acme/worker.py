"""The loop: waits until a certificate is due, takes the lock, orders. Each router has one, so that one is there."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import structlog

from ...service.sealing import Keyring
from ...store import Lock, Mirror, Store
from ...wire import keys
from ...wire.acme import AcmeAccount, AcmeSettings
from ...wire.errors import Conflict, GrilleError, Unavailable
from ...wire.routing import Certificate
from . import schedule
from .challenges import Challenges
from .order import Ordering
from .records import ACCOUNT, Records, read
from .server import Server, is_refusal, new_key

log = structlog.get_logger()
LOCK = "acme"
TTL = 15.0  # seconds after which another router goes on for one that died
LOOK = 600.0  # seconds after which the clock is looked at in any case
PAUSE = 2.0  # seconds between two rounds, at least


class Worker:
    """Orders certificates that are due, when this router's turn has come.

    Args:
        host: this router's name, for those who look at the lock.
        keyring: seals and opens private keys.
    """

    def __init__(self, store: Store, host: str, keyring: Keyring) -> None:
        self._store, self._host, self._keyring = store, host, keyring
        self._certificates = Mirror(store, keys.CERTIFICATES)
        self._acme = Mirror(store, keys.ACME)
        self._news = asyncio.Event()
        for mirror in (self._certificates, self._acme):
            mirror.listen(lambda events, revision: self._news.set())

    async def run(self) -> None:
        """The loop; never returns."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._certificates.run())
            tasks.create_task(self._acme.run())
            tasks.create_task(self._follow())

    async def _follow(self) -> None:
        await self._certificates.ready()
        await self._acme.ready()
        while True:
            self._news.clear()
            if self._due():
                await self._round()
                await asyncio.sleep(PAUSE)
                continue
            try:
                await asyncio.wait_for(self._news.wait(), self._pause())
            except TimeoutError:
                continue

    def _records(self) -> list[Certificate]:
        found = (read(Certificate, entry) for entry in self._certificates.entries.values())
        return [record for record in found if record is not None]

    def _due(self) -> bool:
        """Whether there is something to order, and somebody to order it from."""
        return keys.ACME_SETTINGS in self._acme.entries and bool(schedule.due(self._records(), time.time()))

    def _pause(self) -> float:
        """Seconds until there may be something to do."""
        at = schedule.next_due(self._records())
        if at is None or keys.ACME_SETTINGS not in self._acme.entries:
            return LOOK
        return min(LOOK, max(0.1, at - time.time()))

    async def _round(self) -> None:
        """Take the lock, order all that is due; errors of one order are its record's."""
        try:
            async with Lock(self._store, LOCK, self._host, reason="orders certificates", ttl=TTL) as lock:
                await self._all(Records(self._store, lock, self._keyring), lock)
        except (Unavailable, Conflict) as error:
            log.info("ordering interrupted", error=error.message)

    async def _all(self, records: Records, lock: Lock) -> None:
        await records.drop_challenges()
        tried: set[str] = set()
        while lock.held():
            settings = await records.settings()
            found = schedule.due((await records.certificates()).values(), time.time())
            ready = [record for record in found if record.id not in tried]
            if settings is None or not ready:
                return
            tried.add(ready[0].id)
            await self._one(records, settings, ready[0])

    async def _one(self, records: Records, settings: AcmeSettings, record: Certificate) -> None:
        log.info("certificate ordered", certificate=record.id, domains=record.domains, attempt=record.attempts + 1)
        try:
            after = await self._obtain(records, settings, record)
        except GrilleError as error:
            if isinstance(error, Conflict):
                raise  # the lock is lost: another router goes on
            log.warning("certificate not obtained", certificate=record.id, error=str(error))
            after = schedule.failed(record, str(error), time.time(), least=is_refusal(error))
            if not isinstance(error, Unavailable):
                await records.drop_order(record.id)
            await records.finish(record, after, ended=False)
            return
        if await records.finish(record, after):
            log.info("certificate obtained", certificate=record.id, until=after.not_after)

    async def _obtain(self, records: Records, settings: AcmeSettings, record: Certificate) -> Certificate:
        """``record`` with a new chain; an account that the server has forgotten is made again, once."""
        for known in (True, False):
            server, account = await self._enter(records, settings, known=known)
            try:
                challenges = Challenges(records, settings.dns_hook)
                return await Ordering(server, records, challenges, settings.directory).obtain(record)
            except GrilleError as error:
                if not known or error.code != "acme_accountDoesNotExist":
                    raise
                log.warning("the ACME server has forgotten the account", account=account.uri)
            finally:
                server.close()
        raise AssertionError("unreachable")

    async def _enter(self, records: Records, settings: AcmeSettings, *, known: bool) -> tuple[Server, AcmeAccount]:
        """The server, with an account: the key is in the store before the server hears of it."""
        account = await records.account(settings.directory)
        if account is None:
            fresh = AcmeAccount(directory=settings.directory, key="", created=time.time(), email=settings.email)
            account = await records.put_account(fresh, new_key())
        key = self._keyring.open(ACCOUNT, account.key)
        server = Server(settings, key)
        try:
            uri = await asyncio.to_thread(server.enter, account.uri if known else "")
        except BaseException:
            server.close()
            raise
        if uri != account.uri:
            account = await records.put_account(replace(account, uri=uri), key)
        return server, account
