"""Certificates for the benchmarks: one CA and any number of leaves of ECDSA on P-256."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from grille.wire.routing import Certificate
from tests.bench.router.world import CREATED, Pem

START = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)


class Issuer:
    """A CA made for one run."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Grille benchmark CA")
        basic = x509.BasicConstraints(ca=True, path_length=0)
        builder = _builder(self._name, self._name, self._key).add_extension(basic, critical=True)
        self.ca = _pem(builder.sign(self._key, hashes.SHA256()))

    def issue(self, domain: str) -> Pem:
        """A certificate for ``domain`` with a key of its own."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(domain)])
        builder = _builder(_name(domain[:60]), self._name, key).add_extension(names, critical=False)
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return Pem(domain, _pem(builder.sign(self._key, hashes.SHA256())), secret.decode())


def record(ident: str, pem: Pem, sealed: str) -> Certificate:
    """The record of ``pem``, its key ``sealed`` under ``certificate/<ident>``."""
    leaf = x509.load_pem_x509_certificate(pem.chain.encode())
    return Certificate(
        id=ident,
        domains=[pem.domain],
        created=CREATED,
        chain=pem.chain,
        key=sealed,
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        issuer=leaf.issuer.rfc4514_string(),
        not_before=START.timestamp(),
        not_after=END.timestamp(),
    )


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(END)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
