"""Certificates made for tests: an authority, and leaves for host names."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from grille.codec import encode
from grille.service.certificates import leaf_of
from grille.service.sealing import Keyring
from grille.wire.routing import Certificate

DAY = 86400.0
AnyKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Pem:
    """A leaf with its key."""

    chain: str
    key: str

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(self.chain.encode())[0]

    @property
    def serial(self) -> int:
        return self.leaf.serial_number


class Maker:
    """A certificate authority of its own."""

    def __init__(self, name: str = "test authority") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self.name, self.name, self.key, 0, DAY)
        self.certificate = builder.add_extension(x509.BasicConstraints(True, None), True).sign(
            self.key, hashes.SHA256()
        )
        self.pem = text(self.certificate)

    def issue(
        self,
        *domains: str,
        key: AnyKey | None = None,
        start: float = -3600.0,
        end: float = DAY,
        ocsp: str = "",
        filler: int = 0,
    ) -> Pem:
        """A leaf for ``domains``, valid from ``start`` to ``end`` seconds from now; ``filler`` bytes larger."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, (domains or ("nobody",))[0][:60])])
        builder = _builder(subject, self.name, key, start, end)
        if domains:
            names = [x509.DNSName(domain) for domain in domains]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        if ocsp:
            access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(ocsp))
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), False)
        if filler:
            extra = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x04" + bytes(filler))
            builder = builder.add_extension(extra, False)
        made = builder.sign(self.key, hashes.SHA256())
        return Pem(text(made) + self.pem, key_text(key))


def record(keyring: Keyring, ident: str, pem: Pem, *, domains: list[str] | None = None, **fields: object) -> bytes:
    """A certificate's record as the controller writes it."""
    leaf = leaf_of(pem.leaf)
    certificate = Certificate(
        id=ident,
        domains=domains or list(leaf.names),
        created=float(fields.pop("created", 0) or time.time()),  # type: ignore[arg-type]
        chain=pem.chain,
        key=keyring.seal(f"certificate/{ident}", pem.key),
        fingerprint=leaf.sha256,
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        **fields,  # type: ignore[arg-type]
    )
    return encode(certificate)


def text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_text(key: AnyKey, password: bytes = b"") -> str:
    seal = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, seal).decode()


def _builder(subject: x509.Name, issuer: x509.Name, key: AnyKey, start: float, end: float) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(seconds=start))
        .not_valid_after(now + datetime.timedelta(seconds=end))
    )
