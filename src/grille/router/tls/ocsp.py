"""OCSP (RFC 6960), without I/O: who answers for a certificate, what to ask, and whether an answer is good."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from ...wire.errors import InvalidValue

MOST = 8 * 1024  # bytes of an answer, which goes through HAProxy's command line


@dataclass(frozen=True)
class Question:
    """What is asked of the responder at ``url`` about the certificate with the fingerprint ``sha1``."""

    url: str
    sha1: str
    leaf: x509.Certificate = field(repr=False)
    issuer: x509.Certificate = field(repr=False)

    def body(self) -> bytes:
        """The request (DER); its CertID is by SHA-1, as HAProxy's."""
        builder = ocsp.OCSPRequestBuilder().add_certificate(self.leaf, self.issuer, hashes.SHA1())
        return builder.build().public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class Answer:
    """A good answer (DER) about the certificate with the fingerprint ``sha1``. Times are seconds since the epoch."""

    sha1: str
    der: bytes = field(repr=False)
    since: float
    until: float

    def refresh(self) -> float:
        """When to ask again: half way."""
        return (self.since + self.until) / 2


def question(chain: list[x509.Certificate]) -> Question | None:
    """What to ask about the first certificate of ``chain``; None without a responder in it, or without its issuer."""
    if len(chain) < 2 or chain[0].issuer != chain[1].subject:
        return None
    try:
        found = chain[0].extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return None
    for each in found:
        location = each.access_location
        if each.access_method == AuthorityInformationAccessOID.OCSP and str(location.value).startswith("http://"):
            return Question(str(location.value), chain[0].fingerprint(hashes.SHA1()).hex(), chain[0], chain[1])
    return None


def read(asked: Question, der: bytes, now: float) -> Answer:
    """The answer in ``der``; raises InvalidValue when it is none, not about this certificate, not signed, over."""
    if len(der) > MOST:
        raise InvalidValue(f"the answer has {len(der)} bytes")
    try:
        found = ocsp.load_der_ocsp_response(der)
        if found.response_status != ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise InvalidValue(f"the responder says {found.response_status.name}")
        if found.serial_number != asked.leaf.serial_number:
            raise InvalidValue("the answer is about another certificate")
        if found.certificate_status == ocsp.OCSPCertStatus.UNKNOWN or found.next_update_utc is None:
            raise InvalidValue("the responder does not know the certificate, or not until when its answer holds")
        _check_signature(found, asked.issuer)
        since, until = found.this_update_utc.timestamp(), found.next_update_utc.timestamp()
    except (ValueError, InvalidSignature):
        raise InvalidValue("the answer is no OCSP response, or not signed by the certificate's issuer") from None
    if not since - 300 <= now < until:
        raise InvalidValue("the answer is not of this time")
    return Answer(asked.sha1, der, since, until)


def _check_signature(found: ocsp.OCSPResponse, issuer: x509.Certificate) -> None:
    """Raise InvalidSignature or ValueError unless the issuer signed, or one whom it has sign for it."""
    signer = issuer
    for each in found.certificates:
        if each.subject == found.responder_name and each != issuer:
            each.verify_directly_issued_by(issuer)
            usage = each.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            if ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
                raise ValueError("not a signer of OCSP")
            signer = each
    key, algorithm = signer.public_key(), found.signature_hash_algorithm
    if algorithm is None:
        raise ValueError("no hash")
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(found.signature, found.tbs_response_bytes, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(found.signature, found.tbs_response_bytes, ec.ECDSA(algorithm))
    else:
        raise ValueError("unknown kind of key")
