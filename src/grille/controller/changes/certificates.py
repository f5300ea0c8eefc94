"""Certificates: given with their key, or ordered by ACME. Each mistake is one line, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...service import certificates as x509
from ...service.http import not_found
from ...service.sealing import Keyring
from ...store import Delete
from ...wire import keys, names
from ...wire.errors import Conflict, InvalidValue, Unprocessable
from ...wire.routing import Certificate
from ..records import Records
from . import checks
from .draft import Draft

GIVEN = ("domains", "source", "chain", "key", "client_ca", "dry_run")
ORDERED = ("domains", "source", "challenge", "client_ca", "dry_run")
CHALLENGES = ("http-01", "dns-01")
MOST_TEXT = 200_000  # characters read of a PEM, words around it included
RESERVED = "default"  # the routers' own, self-signed
LOCK = f"{keys.LOCKS}certificates"  # written with every certificate, so that two cannot take the same domain


@dataclass(frozen=True)
class Request:
    """A request: which certificate, what of it, when. ``keyring`` seals its key."""

    ident: str
    body: Mapping[str, Any]
    now: float
    keyring: Keyring


def put_certificate(records: Records, request: Request) -> Draft:
    """PUT /certificates/<id>; with ``dry_run`` it compares, keys too, and writes nothing.

    Raises:
        InvalidValue, TooLarge, Unprocessable (ACME is not set up), Conflict (a domain is another certificate's).
    """
    ident, body = names.check_label("certificate", request.ident), request.body
    if ident == RESERVED:
        raise InvalidValue(f"a certificate cannot be called {RESERVED}", remedy="use another id", code="reserved")
    source = checks.text(body, "source") or "given"
    if source not in ("given", "acme"):
        raise InvalidValue(f"source {source!r} is not valid", remedy="use given or acme", code="invalid_source")
    checks.only(body, GIVEN if source == "given" else ORDERED)
    former = records.certificates.get(ident)
    wanted = (_given if source == "given" else _ordered)(records, request, former)
    changed = wanted != former
    draft = Draft(records, {"certificate": wanted, "changed": changed}, 200 if former or not changed else 201)
    _check_free(records, wanted)
    if changed and not _flag(body, "dry_run"):
        draft.put(LOCK, ident)
        draft.put(keys.certificate(ident), wanted)
        if source == "given":
            draft.writes.append(Delete(keys.acme_order(ident)))
    return draft


def delete_certificate(records: Records, ident: str) -> Draft:
    """DELETE /certificates/<id>; raises NotFound."""
    former = records.certificates.get(ident)
    if former is None:
        raise not_found("certificate", ident, "see them with GET /certificates")
    draft = Draft(records, {"certificate": former, "changed": True})
    draft.delete(keys.certificate(ident))
    draft.writes.append(Delete(keys.acme_order(ident)))
    return draft


def secret_name(ident: str) -> str:
    """The name that the key of the certificate ``ident`` is sealed under."""
    return f"certificate/{ident}"


def _given(records: Records, request: Request, former: Certificate | None) -> Certificate:
    body, keyring, name = request.body, request.keyring, secret_name(request.ident)
    pair = x509.read_pair(checks.text(body, "chain", MOST_TEXT), checks.text(body, "key", MOST_TEXT))
    leaf = pair.leaf
    x509.check_current(leaf, request.now)
    domains = _domains(body) or x509.check_domains(leaf.names)
    x509.check_covered(domains, leaf)
    same = former is not None and former.fingerprint == leaf.sha256 and keyring.holds(name, former.key, pair.key)
    return Certificate(
        id=request.ident,
        domains=domains,
        created=former.created if former else request.now,
        chain=pair.chain,
        key=former.key if former and same else keyring.seal(name, pair.key),
        fingerprint=leaf.sha256,
        issuer=leaf.issuer,
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        client_ca=_client_ca(body),
    )


def _ordered(records: Records, request: Request, former: Certificate | None) -> Certificate:
    body, domains = request.body, _domains(request.body)
    challenge = checks.text(body, "challenge") or CHALLENGES[0]
    if not domains:
        raise InvalidValue("no domains are named", remedy="give domains, for ACME to order", code="invalid_domains")
    _check_challenge(records, challenge, domains)
    asked = Certificate(
        id=request.ident,
        domains=domains,
        created=request.now,
        source="acme",
        challenge="dns-01" if challenge == "dns-01" else "http-01",
        state="pending",
        client_ca=_client_ca(body),
    )
    if former is None:
        return asked
    if (former.source, former.domains, former.challenge) != (asked.source, asked.domains, asked.challenge):
        again = replace(former, domains=domains, source="acme", challenge=asked.challenge, state="pending")
    elif former.attempts:
        again = replace(former, state="valid" if former.state == "valid" else "pending")
    else:
        return replace(former, client_ca=asked.client_ca)
    return replace(again, client_ca=asked.client_ca, reason="", attempts=0, next_try=0.0)


def _check_challenge(records: Records, challenge: str, domains: list[str]) -> None:
    if challenge not in CHALLENGES:
        raise InvalidValue(
            f"challenge {challenge!r} is not valid",
            remedy=f"use one of: {', '.join(CHALLENGES)}",
            code="invalid_challenge",
        )
    wildcards = [domain for domain in domains if domain.startswith("*.")]
    if wildcards and challenge == "http-01":
        raise InvalidValue(
            f"{wildcards[0]} cannot be proven by http-01", remedy="use challenge: dns-01", code="wildcard_needs_dns"
        )
    settings = records.acme_settings
    if settings is None:
        raise Unprocessable("ACME is not set up", remedy="PUT /acme, or playbooks/acme.yml", code="acme_not_set_up")
    if challenge == "dns-01" and not settings.dns_hook:
        raise Unprocessable("dns-01 needs a DNS hook", remedy="set dns_hook with PUT /acme", code="no_dns_hook")


def _domains(body: Mapping[str, Any]) -> list[str]:
    value = body.get("domains")
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidValue("domains is not a list", remedy="give a list of host names", code="invalid_domains")
    return x509.check_domains([each.lower() if isinstance(each, str) else each for each in value])


def _client_ca(body: Mapping[str, Any]) -> str:
    text = checks.text(body, "client_ca", MOST_TEXT)
    return x509.read_ca(text) if text else ""


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise InvalidValue(f"{name} is not true or false", remedy="use true or false")
    return value


def _check_free(records: Records, wanted: Certificate) -> None:
    for other in records.certificates.values():
        taken = [domain for domain in wanted.domains if domain in other.domains]
        if other.id != wanted.id and taken:
            raise Conflict(
                f"{taken[0]} has a certificate already ({other.id!r})",
                remedy="change or delete that one, or leave the domain out",
                code="domain_taken",
            )
