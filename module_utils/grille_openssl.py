# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
"""The grid's own certificates by the command ``openssl`` (openssl-ca(1), openssl-x509(1)): made, signed, looked at."""

from __future__ import annotations

import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

BACKDATED = 3600  # seconds, so that a host whose clock is behind takes a new certificate at once
DAY = 86400

CONFIGURATION = """\
[ca]
default_ca = grid
[grid]
database = {folder}/index
new_certs_dir = {folder}
default_md = sha256
policy = any
rand_serial = yes
unique_subject = no
email_in_dn = no
[any]
organizationName = optional
organizationalUnitName = optional
commonName = optional
"""
AUTHORITY = """\
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
LEAF = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
extendedKeyUsage = {usages}
"""


class OpenSSLError(Exception):
    """``openssl`` refused something; the message is one line."""


class Found(NamedTuple):
    """What a certificate says: its end (Unix seconds), its names (``IP:…``, ``DNS:…``), its public key (PEM)."""

    expires: float
    names: frozenset[str]
    public: str


class OpenSSL:
    """The command ``openssl`` at ``program``.

    All methods raise OpenSSLError: a file is missing, damaged, or not what it should be.
    """

    def __init__(self, program: str) -> None:
        self._program = program

    def run(self, *words: str, given: str = "") -> str:
        """The output of one command, ``given`` on its standard input."""
        command = [self._program, *words]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            raise OpenSSLError(f"openssl {words[0]}: {lines[-1] if lines else 'failed'}")
        return done.stdout

    def key(self) -> str:
        """A new private key (PEM, on the curve P-256)."""
        return self.run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")

    def public(self, key: str) -> str:
        """The public key (PEM) of the private key in the file ``key``."""
        return self.run("pkey", "-in", key, "-pubout").strip()

    def request(self, key: str, subject: str) -> str:
        """A request (PEM) for a certificate of the private key in the file ``key``."""
        return self.run("req", "-new", "-key", key, "-subj", subject)

    def found(self, certificate: str) -> Found:
        """What the certificate in the file ``certificate`` says."""
        text = self.run("x509", "-in", certificate, "-noout", "-enddate", "-pubkey")
        end, _, public = text.partition("\n")
        names = self.run("x509", "-in", certificate, "-noout", "-ext", "subjectAltName")
        return Found(ssl.cert_time_to_seconds(end.partition("=")[2]), parse_names(names), public.strip())

    def issued(self, certificate: str, authority: str) -> bool:
        """Whether the authority in the file ``authority`` signed ``certificate``, whenever that ends."""
        try:
            self.run("verify", "-no_check_time", "-CAfile", authority, certificate)
        except OpenSSLError:
            return False
        return True

    def certify(self, key: str, subject: str, days: float) -> str:
        """A certificate of an authority whose private key is in the file ``key``, signed by itself."""
        request = self.request(key, subject)
        return self._sign(request, ["-selfsign", "-keyfile", key], AUTHORITY, days)

    def sign(
        self,
        request: str,
        authority: tuple[str, str],
        subject: str,
        extensions: tuple[list[str], list[str]],
        days: float,
    ) -> str:
        """The certificate for a request.

        Args:
            request: in PEM; of what it asks only the key counts.
            authority: paths of the authority's certificate and key.
            subject: like ``/O=grille/OU=alpha``.
            extensions: usages (``serverAuth``, ``clientAuth``), and names (``IP:…``, ``DNS:…``).
            days: how long it is to hold.
        """
        usages, names = extensions
        text = LEAF.format(usages=", ".join(usages))
        text += f"subjectAltName = {', '.join(names)}\n" if names else ""
        return self._sign(request, ["-cert", authority[0], "-keyfile", authority[1], "-subj", subject], text, days)

    def _sign(self, request: str, signer: list[str], extensions: str, days: float) -> str:
        with tempfile.TemporaryDirectory(prefix="grille-pki-") as folder:
            files = {
                "config": CONFIGURATION.format(folder=folder),
                "index": "",
                "extensions": extensions,
                "csr": request,
            }
            for name, text in files.items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            now = time.time()
            dates = ["-startdate", _date(now - BACKDATED), "-enddate", _date(now + days * DAY)]
            made = ["-in", f"{folder}/csr", "-extfile", f"{folder}/extensions", "-notext"]
            return self.run("ca", "-batch", "-config", f"{folder}/config", *signer, *dates, *made)


def _date(when: float) -> str:
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(when))


def parse_names(text: str) -> frozenset[str]:
    """The names in ``openssl x509 -ext subjectAltName``'s output."""
    words = [word.strip() for line in text.splitlines()[1:] for word in line.split(",")]
    return frozenset(word.replace("IP Address:", "IP:") for word in words if word)


def left(expires: float, now: float) -> str:
    """How long something holds, in words."""
    days = (expires - now) / DAY
    return f"it ends in {days:.0f} days" if days > 0 else "it has ended"


def authority_reasons(openssl: OpenSSL, key: str, certificate: str, renew_days: float, now: float) -> list[str]:
    """Why the authority's certificate in the file ``certificate`` must be made anew; empty when it need not.

    Args:
        key: path of the authority's private key, which need not be there.
        renew_days: a certificate that ends sooner is made anew.
        now: Unix seconds.
    """
    if not os.path.exists(certificate):
        return ["there is none"]

    def why(found: Found) -> list[str]:
        return [] if found.public == openssl.public(key) else ["it is of another key"]

    return _reasons(openssl, certificate, renew_days, now, why)


def leaf_reasons(
    openssl: OpenSSL, paths: tuple[str, str, str], names: frozenset[str], renew_days: float, now: float
) -> list[str]:
    """Why a certificate must be made anew; empty when it need not.

    Args:
        paths: of the key, of the certificate, of the authority's certificate; what is not there is a reason.
        names: those that it is to have.
        renew_days, now: as for ``authority_reasons``.
    """
    key, certificate, authority = paths
    if not all(os.path.exists(path) for path in paths):
        return ["there is none"]

    def why(found: Found) -> list[str]:
        checks = [
            (found.public != openssl.public(key), "it is of another key"),
            (found.names != names, f"its names are to be {', '.join(sorted(names)) or 'none'}"),
            (not openssl.issued(certificate, authority), "another authority signed it"),
        ]
        return [says for wrong, says in checks if wrong]

    return _reasons(openssl, certificate, renew_days, now, why)


def _reasons(
    openssl: OpenSSL, certificate: str, renew_days: float, now: float, why: Callable[[Found], list[str]]
) -> list[str]:
    try:
        found = openssl.found(certificate)
        ending = [left(found.expires, now)] if found.expires - now < renew_days * DAY else []
        return ending + why(found)
    except OpenSSLError as error:
        return [f"it cannot be read ({error})"]
