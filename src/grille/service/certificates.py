"""X.509 certificates as users give them (RFC 5280): read and checked, each mistake in one line, for all who take any.

Texts are PEM (RFC 7468). ``normal`` forms have no blank line and no word beside the PEM blocks.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Collection
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ..wire import names
from ..wire.errors import InvalidValue, TooLarge

PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)
LEAST_RSA = 2048  # bits
CURVES = ("secp256r1", "secp384r1", "secp521r1")
MOST_PEM = 15 * 1024  # bytes of chain and key, or of a CA: HAProxy's command line takes a little more
MOST_DOMAINS = 100
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Leaf:
    """What matters of the first certificate of a chain. Fingerprints are hexadecimal, times seconds of the epoch."""

    names: tuple[str, ...]
    sha256: str
    sha1: str
    issuer: str
    not_before: float
    not_after: float

    def expired(self, now: float) -> bool:
        """Whether its time is over at ``now``."""
        return now >= self.not_after


@dataclass(frozen=True)
class Pair:
    """A chain and its key in normal form, and what its first certificate says."""

    chain: str
    key: str
    leaf: Leaf

    @property
    def pem(self) -> str:
        """Both in one, as HAProxy reads them."""
        return self.chain + self.key


def read_pair(chain: str, key: str, *, thorough: bool = True) -> Pair:
    """The chain and key, if they belong together.

    Args:
        thorough: test an RSA key's primes too, which takes milliseconds.
    Raises:
        InvalidValue: no PEM, out of order, key of another certificate, weak. TooLarge.
    """
    certificates = read_chain(chain)
    private = read_key(key, thorough=thorough)
    if _public(certificates[0]) != _public(private):
        raise InvalidValue(
            "the key does not belong to the chain's first certificate",
            remedy="give the certificate's own key, and the chain with the certificate first",
            code="key_mismatch",
        )
    made = Pair(normal_chain(certificates), normal_key(private), leaf_of(certificates[0]))
    if len(made.pem) > MOST_PEM:
        raise _too_large("chain and key", len(made.pem))
    return made


def read_chain(text: str, what: str = "chain", *, ordered: bool = True) -> list[x509.Certificate]:
    """The certificates in ``text``, each signed by the next one if ``ordered``; raises InvalidValue."""
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        found = []
    if not found:
        raise InvalidValue(
            f"the {what} is not PEM certificates", remedy="give -----BEGIN CERTIFICATE----- blocks", code="not_pem"
        )
    for lower, upper in itertools.pairwise(found):
        if ordered and lower.issuer != upper.subject:
            raise InvalidValue(
                f"the {what} is out of order: {_name(lower.subject)!r} is not issued by {_name(upper.subject)!r}",
                remedy="give the certificate first, then its issuer, and so on",
                code="chain_order",
            )
    return found


def read_ca(text: str) -> str:
    """The normal form of the CA certificates in ``text``; raises InvalidValue, TooLarge."""
    made = normal_chain(read_chain(text, "client CA", ordered=False))
    if len(made) > MOST_PEM:
        raise _too_large("client CA", len(made))
    return made


def read_key(text: str, *, thorough: bool = True) -> Key:
    """The private key in ``text``; raises InvalidValue."""
    block = PRIVATE.search(text)
    if block is None:
        raise InvalidValue("the key is not PEM", remedy="give a -----BEGIN PRIVATE KEY----- block", code="not_pem")
    try:
        key = serialization.load_pem_private_key(block[0].encode(), None, unsafe_skip_rsa_key_validation=not thorough)
    except TypeError:
        raise InvalidValue("the key has a password", remedy="give it without: openssl pkey", code="not_pem") from None
    except Exception:  # ValueError, UnsupportedAlgorithm: what is wrong with a key is nobody else's to know
        raise InvalidValue(
            "the key cannot be read", remedy="test it with openssl pkey -check", code="not_pem"
        ) from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= LEAST_RSA:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return key
    raise InvalidValue(
        "the key is too weak, or of a kind that not all clients know",
        remedy=f"use ECDSA on P-256, P-384 or P-521, or RSA of at least {LEAST_RSA} bits",
        code="weak_key",
    )


def leaf_of(certificate: x509.Certificate) -> Leaf:
    """What matters of ``certificate``."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        sans = tuple(name.lower() for name in found.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, ValueError):
        sans = ()
    return Leaf(
        names=sans,
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        sha1=certificate.fingerprint(hashes.SHA1()).hex(),  # what HAProxy tells, nothing is proven by it
        issuer=_name(certificate.issuer),
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
    )


def check_domain(domain: object) -> str:
    """``domain`` if a certificate may be for it: a host name, or ``*.`` and one; raises InvalidValue."""
    if isinstance(domain, str) and domain.startswith("*."):
        return f"*.{names.check_hostname(domain[2:])}"
    return names.check_hostname(domain)


def check_domains(domains: Collection[object]) -> list[str]:
    """``domains``, each once and in order; raises InvalidValue."""
    found = list(dict.fromkeys(check_domain(domain) for domain in domains))
    if not 0 < len(found) <= MOST_DOMAINS:
        raise InvalidValue(
            f"a certificate for {len(found)} domains", remedy=f"give 1 to {MOST_DOMAINS}", code="invalid_domains"
        )
    return found


def check_covered(domains: Collection[str], leaf: Leaf) -> None:
    """Raise InvalidValue when ``leaf`` is not for one of ``domains``."""
    for domain in domains:
        if not covers(leaf.names, domain):
            raise InvalidValue(
                f"the certificate is not for {domain}",
                remedy=f"it is for: {', '.join(leaf.names) or 'no host name'}",
                code="domain_not_covered",
            )


def covers(sans: Collection[str], domain: str) -> bool:
    """Whether a certificate with these names is good for ``domain``: ``*`` stands for one label (RFC 6125)."""
    return domain in sans or (not domain.startswith("*.") and f"*.{domain.partition('.')[2]}" in sans)


def check_current(leaf: Leaf, now: float) -> None:
    """Raise InvalidValue when ``leaf``'s time is over, or has not come within a day."""
    if leaf.expired(now):
        raise InvalidValue(f"the certificate expired on {_day(leaf.not_after)}", remedy="renew it", code="expired")
    if leaf.not_before > now + 86400:
        raise InvalidValue(f"the certificate is not valid before {_day(leaf.not_before)}", code="not_yet_valid")


def normal_chain(certificates: list[x509.Certificate]) -> str:
    """``certificates`` as PEM and nothing else."""
    return "".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)


def normal_key(key: Key) -> str:
    """``key`` as PEM (PKCS #8) and nothing else."""
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def _public(of: x509.Certificate | Key) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return of.public_key().public_bytes(serialization.Encoding.DER, form)


def _name(name: x509.Name) -> str:
    return name.rfc4514_string()[:200]


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _too_large(what: str, size: int) -> TooLarge:
    return TooLarge(
        f"the {what} have {size} bytes, HAProxy takes {MOST_PEM}",
        remedy="leave out certificates that clients have (the root)",
        code="certificate_too_large",
    )
