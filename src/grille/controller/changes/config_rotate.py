"""POST /config/rotate: all that holds sealed secrets, sealed again under the key that is first now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ...codec import encode
from ...service.sealing import Keyring, key_of
from ...store import Check, Put
from ...wire import keys
from ...wire.acme import AcmeAccount, AcmeOrder
from ...wire.routing import Certificate
from ...wire.specs import Ticket
from ..records import Records


@dataclass(frozen=True)
class Sealed:
    """One record that holds secrets: its key in the store, its mod_revision there, the record, its sealed secrets."""

    key: str
    revision: int
    record: Any
    secrets: dict[str, str]

    def stale(self, first: str) -> bool:
        """Whether any of its secrets is sealed under another key than ``first``."""
        return any(key_of(token) != first for token in self.secrets.values())


def sealed(records: Records) -> Iterator[Sealed]:
    """All records that hold secrets."""

    def one(key: str, record: Any, secrets: dict[str, str]) -> Sealed:
        return Sealed(key, records.revision(key), record, secrets)

    for (scope, version), config in records.configs.items():
        yield one(keys.config(scope, version), config, config.secrets)
    for (app, version), release in records.releases.items():
        yield one(keys.release(app, version), release, release.secrets)
    for (host, job), spec in records.specs.items():
        yield one(keys.job_spec(host, job), spec, spec.secrets)
    for ident, ticket in records.tickets.items():
        yield one(keys.ticket(ticket.queue, ident), ticket, ticket.payload.get("secrets") or {})
    yield from (one(*each) for each in _private_keys(records))


def _private_keys(records: Records) -> Iterator[tuple[str, Any, dict[str, str]]]:
    """The records that hold one private key, ``key``: certificates, the ACME account, orders under way."""
    for ident, certificate in records.certificates.items():
        if certificate.key:  # none while it is ordered
            yield keys.certificate(ident), certificate, {f"certificate/{ident}": certificate.key}
    for ident, order in records.orders.items():
        yield keys.acme_order(ident), order, {f"certificate/{ident}": order.key}
    if records.acme_account is not None:
        yield keys.ACME_ACCOUNT, records.acme_account, {keys.ACME_ACCOUNT: records.acme_account.key}


def stale(records: Records, first: str) -> list[Sealed]:
    """The records that are still to be sealed again under the key ``first``."""
    return [one for one in sealed(records) if one.stale(first)]


def in_use(records: Records) -> dict[str, int]:
    """How many secrets are sealed under each key."""
    return dict(Counter(key_of(token) for one in sealed(records) for token in one.secrets.values()))


def resealed(one: Sealed, keyring: Keyring) -> tuple[Check, Put]:
    """The guarded write that seals the secrets of ``one`` again; raises as ``Keyring.open`` does."""
    secrets = {name: keyring.seal(name, keyring.open(name, token)) for name, token in one.secrets.items()}
    record = one.record
    if isinstance(record, Ticket):
        record = replace(record, payload={**record.payload, "secrets": secrets})
    elif isinstance(record, Certificate | AcmeAccount | AcmeOrder):
        record = replace(record, key=next(iter(secrets.values())))
    else:
        record = replace(record, secrets=secrets)
    return Check(one.key, one.revision), Put(one.key, encode(record))
