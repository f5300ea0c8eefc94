"""What ACME keeps in the store. Each write is fenced: it happens only while this router holds the lock."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TypeVar

import structlog

from ...codec import decode, encode
from ...service.sealing import Keyring
from ...store import Check, Delete, Entry, Lock, Put, Store
from ...wire import keys
from ...wire.acme import AcmeAccount, AcmeOrder, AcmeSettings
from ...wire.errors import Conflict, GrilleError
from ...wire.routing import Certificate, Challenge, RouterStatus

log = structlog.get_logger()
T = TypeVar("T")
ACCOUNT = "acme/account"  # what the account's key is sealed as


def read(cls: type[T], entry: Entry | None) -> T | None:
    """The record in ``entry``; None without one, or for one that is not readable."""
    if entry is None:
        return None
    try:
        return decode(cls, entry.value, what=entry.key)
    except GrilleError as error:
        log.warning("record left out", key=entry.key, error=error.message)
        return None


class Records:
    """The store, as the holder of ``lock`` sees and changes it."""

    def __init__(self, store: Store, lock: Lock, keyring: Keyring) -> None:
        self._store, self._lock, self.keyring = store, lock, keyring

    async def settings(self) -> AcmeSettings | None:
        """Where certificates are ordered; None: not set up."""
        return read(AcmeSettings, await self._store.get(keys.ACME_SETTINGS))

    async def certificates(self) -> dict[str, Certificate]:
        """All certificates by id."""
        listing = await self._store.list(keys.CERTIFICATES)
        found = [read(Certificate, entry) for entry in listing.entries.values()]
        return {record.id: record for record in found if record is not None}

    async def routers(self) -> dict[str, int]:
        """The routers that live, each with the revision that it reflects."""
        listing = await self._store.list(keys.ROUTERS)
        found = [read(RouterStatus, entry) for entry in listing.entries.values()]
        return {record.id: record.revision for record in found if record is not None}

    async def account(self, directory: str) -> AcmeAccount | None:
        """The account at ``directory``."""
        found = read(AcmeAccount, await self._store.get(keys.ACME_ACCOUNT))
        return found if found is not None and found.directory == directory else None

    async def put_account(self, account: AcmeAccount, key: str) -> AcmeAccount:
        """Keep an account, its ``key`` (PEM) sealed."""
        sealed = replace(account, key=self.keyring.seal(ACCOUNT, key))
        await self._write(Put(keys.ACME_ACCOUNT, encode(sealed)))
        return sealed

    async def order(self, record: Certificate, directory: str) -> tuple[AcmeOrder, str] | None:
        """The order under way for ``record``, and its key (PEM), if it is for what the record asks for."""
        found = read(AcmeOrder, await self._store.get(keys.acme_order(record.id)))
        if found is None or (found.directory, found.domains) != (directory, record.domains):
            return None
        try:
            return found, self.keyring.open(f"certificate/{record.id}", found.key)
        except GrilleError as error:
            log.warning("order given up", certificate=record.id, error=error.message)
            return None

    async def put_order(self, record: Certificate, directory: str, uri: str, key: str) -> None:
        """Note an order that was placed, so that it is gone on with after a crash."""
        order = AcmeOrder(
            id=record.id,
            directory=directory,
            uri=uri,
            key=self.keyring.seal(f"certificate/{record.id}", key),
            created=time.time(),
            domains=record.domains,
        )
        await self._write(Put(keys.acme_order(record.id), encode(order)))

    async def drop_order(self, ident: str) -> None:
        """Forget an order that has ended."""
        await self._write(Delete(keys.acme_order(ident)))

    async def put_challenge(self, challenge: Challenge) -> int:
        """Have every router answer a challenge; the revision that they must reflect."""
        return await self._write(Put(keys.challenge(challenge.host), encode(challenge)))

    async def drop_challenges(self) -> None:
        """Have no challenge answered any more: only the holder of the lock has any."""
        listing = await self._store.list(keys.CHALLENGES)
        if listing.entries:
            await self._write(Delete(keys.CHALLENGES, prefix=True))

    async def finish(self, asked: Certificate, after: Certificate, *, ended: bool = True) -> bool:
        """Write what came of ``asked``, its order ``ended`` or not; False when something else is asked for by now."""
        for _ in range(5):
            entry = await self._store.get(keys.certificate(asked.id))
            now = read(Certificate, entry)
            if entry is None or now is None or wish(now) != wish(asked):
                return False
            key = after.key if after.chain != asked.chain else now.key  # that may have been sealed again meanwhile
            writes: list[Put | Delete] = [Put(entry.key, encode(replace(after, client_ca=now.client_ca, key=key)))]
            writes += [Delete(keys.acme_order(asked.id))] if ended else []
            try:
                await self._write(*writes, checks=[Check(entry.key, entry.mod_revision)])
            except Conflict:
                if not self._lock.held():
                    raise
                continue
            return True
        return False

    async def _write(self, *writes: Put | Delete, checks: list[Check] | None = None) -> int:
        """Write, while the lock is held; raises Conflict when it is not."""
        return await self._store.transact([self._lock.fence(), *(checks or [])], writes)


def wish(record: Certificate) -> tuple[object, ...]:
    """What of ``record`` its user asked for: an answer to another wish is of no use."""
    return record.source, record.domains, record.challenge, record.created
