"""What a certificate's record is good for: its files' contents, if key, chain and domains belong together."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes

from ...codec import decode
from ...service.certificates import check_domains, covers, read_ca, read_chain, read_pair
from ...service.sealing import Keyring
from ...store import Entry
from ...wire import keys, names
from ...wire.errors import InvalidValue
from ...wire.routing import Certificate
from .ocsp import Question, question

DEFAULT = "default"  # the name of the self-signed certificate's file


@dataclass(frozen=True)
class Material:
    """A certificate that can be served.

    ``pem``: chain and key. ``sha1``: the leaf's, as HAProxy tells it; ``ca_sha1``: those of ``ca`` (PEM; empty:
    clients are asked for no certificate). ``uncovered``: domains of the record that the certificate is not for.
    ``question``: what its OCSP responder is asked.
    """

    key: str
    ident: str
    created: float
    domains: tuple[str, ...]
    uncovered: tuple[str, ...]
    pem: str = field(repr=False)
    sha1: str
    not_before: float
    not_after: float
    ca: str = ""
    ca_sha1: frozenset[str] = frozenset()
    question: Question | None = None


def secret_name(ident: str) -> str:
    """The name that the private key of the certificate ``ident`` is sealed under."""
    return f"certificate/{ident}"


def material(entry: Entry, keyring: Keyring) -> Material | None:
    """What the record in ``entry`` gives; None while it has no chain yet.

    Raises:
        GrilleError: what is wrong with it: not readable, its key sealed under an unknown one, not fitting…
    """
    record = decode(Certificate, entry.value, what=entry.key)
    ident = names.check_label("certificate", entry.key.removeprefix(keys.CERTIFICATES))
    if ident == DEFAULT:
        raise InvalidValue(f"a certificate cannot be called {DEFAULT}", remedy="use another id")
    if not record.chain:
        return None
    pair = read_pair(record.chain, keyring.open(secret_name(ident), record.key), thorough=False)
    domains = check_domains(record.domains)
    covered = tuple(domain for domain in domains if covers(pair.leaf.names, domain))
    ca = read_ca(record.client_ca) if record.client_ca else ""
    return Material(
        key=entry.key,
        ident=ident,
        created=record.created,
        domains=covered,
        uncovered=tuple(domain for domain in domains if domain not in covered),
        pem=pair.pem,
        sha1=pair.leaf.sha1,
        not_before=pair.leaf.not_before,
        not_after=pair.leaf.not_after,
        ca=ca,
        ca_sha1=fingerprints(ca),
        question=question(read_chain(pair.chain)),
    )


def fingerprints(ca: str) -> frozenset[str]:
    """The sha1 of each certificate in ``ca``."""
    if not ca:
        return frozenset()
    found = read_chain(ca, "client CA", ordered=False)
    return frozenset(each.fingerprint(hashes.SHA1()).hex() for each in found)  # as HAProxy tells them
