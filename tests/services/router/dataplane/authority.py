"""A certificate authority for tests."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM


class Authority:
    """Signs certificates; ``pem`` is its own."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        self._certificate = self._sign(self._name, self._key, [x509.BasicConstraints(ca=True, path_length=None)])
        self.pem = self._certificate.public_bytes(PEM).decode()

    def issue(self, path: Path, name: str) -> str:
        """A certificate for ``name`` and its key in one file at ``path``; its fingerprint (sha1)."""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._sign(_name(name), key, [x509.SubjectAlternativeName([x509.DNSName(name)])])
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(made.public_bytes(PEM) + private)
        return hashlib.sha1(made.public_bytes(serialization.Encoding.DER)).hexdigest()

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extensions: list[x509.ExtensionType]
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )
        for each in extensions:
            builder = builder.add_extension(each, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
