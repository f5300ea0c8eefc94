"""Certificates for etcd, read again when they change on disk."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence

import structlog

from ..wire.errors import InvalidValue

log = structlog.get_logger()


class Credentials:
    """The SSL context that the three files amount to.

    Args:
        paths: the CA bundle, the client's certificate and its key, in PEM.
    Raises:
        InvalidValue: a file is missing, or is no certificate or key, or the two do not belong together.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._ca, self._cert, self._key = paths
        try:
            self._stamp = self._stat()
            self._context = self._load()
        except OSError as error:
            raise InvalidValue(
                f"cannot use the certificates for etcd ({', '.join(paths)}): {error}",
                remedy="give the right files in GRILLE_ETCD_CA, GRILLE_ETCD_CERT and GRILLE_ETCD_KEY",
            ) from None

    def context(self) -> ssl.SSLContext:
        """The context for a new connection: a new one once the files were renewed.

        Files that are half written, or gone, change nothing: they are looked at again the next time.
        """
        try:
            stamp = self._stat()
            if stamp != self._stamp:
                self._context, self._stamp = self._load(), stamp
                log.info("certificates for etcd read again", cert=self._cert)
        except OSError as error:  # ssl.SSLError is one
            log.warning("renewed certificates for etcd are not usable yet", error=str(error))
        return self._context

    def _stat(self) -> list[int]:
        return [os.stat(path).st_mtime_ns for path in (self._ca, self._cert, self._key)]

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._ca)
        context.load_cert_chain(self._cert, self._key)
        return context
