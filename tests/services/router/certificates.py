"""Certificates in the store as the controller would put them, and what a client is shown."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

from grille.wire.routing import Certificate
from tests.services.router.features.client import careless, connect
from tests.services.router.rig import Router
from tests.support.authority import Authority


def certificate(router: Router, authority: Authority, ident: str, *domains: str, client_ca: str = "") -> Certificate:
    """A new certificate for ``domains``, its key sealed; ``client_ca``: PEM."""
    chain, key = (Path(path).read_text() for path in authority.issue(ident, hosts=domains))
    return Certificate(
        id=ident,
        domains=list(domains),
        created=1.0,
        chain=chain,
        key=router.keyring.seal(f"certificate/{ident}", key),
        fingerprint=fingerprint(ssl.PEM_cert_to_DER_cert(chain)),
        not_after=4e9,
        client_ca=client_ca,
    )


def fingerprint(der: bytes) -> str:
    """Sha256 of a certificate."""
    return hashlib.sha256(der).hexdigest()


async def shown(router: Router, name: str) -> str:
    """The fingerprint of the certificate that a client gets who asks for ``name``."""
    async with connect(router.https, tls=careless(), name=name) as wire:
        return fingerprint(wire.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
