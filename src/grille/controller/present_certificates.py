"""Certificates and ACME as users see them: never a key, sealed or not."""

from __future__ import annotations

from typing import Any

from ..codec import plain
from ..wire import keys
from ..wire.routing import Certificate
from .records import Records


def certificate(record: Certificate) -> dict[str, Any]:
    """A certificate without its key."""
    shown: dict[str, Any] = plain(record)
    shown.pop("key")
    return shown


def certificates(records: Records) -> list[dict[str, Any]]:
    """All certificates by id, without chains and CAs (``client_ca`` tells whether there is one)."""
    found = []
    for _, record in sorted(records.certificates.items()):
        shown = {**certificate(record), "client_ca": bool(record.client_ca)}
        shown.pop("chain")
        found.append(shown)
    return found


def detailed(records: Records, record: Certificate) -> dict[str, Any]:
    """A certificate, and for each router its ``state``.

    That is ``serving``, ``pending`` (there is none yet), ``behind`` (the router has not taken the change yet) or
    ``refused`` (in whole or in part, see ``reason``).
    """
    key = keys.certificate(record.id)
    revision = records.revision(key)
    routers = {}
    for name, router in sorted(records.routers.items()):
        reason = router.refused.get(key, "")
        state = "serving" if record.chain else "pending"
        state = "behind" if router.revision < revision else "refused" if reason else state
        routers[name] = {"state": state, "reason": reason}
    return {**certificate(record), "routers": routers}


def acme(records: Records, secret: bool) -> dict[str, Any]:
    """The settings and the account; with ``secret`` the hook, whose URL may have a password in it, is null."""
    settings, account = records.acme_settings, records.acme_account
    shown = plain(settings) if settings else None
    if shown and secret:
        shown["dns_hook"] = None
    known = {name: getattr(account, name) for name in ("directory", "uri", "email", "created")} if account else None
    return {"settings": shown, "account": known}
