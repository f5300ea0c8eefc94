"""The records of ACME (RFC 8555): where certificates are ordered, the account there, orders under way.

Times are seconds since the epoch. Private keys are sealed: an account's as ``acme/account``, an order's as that of its
certificate, ``certificate/<id>``.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class AcmeSettings:
    """``directory``: the server's directory URL. ``ca``: PEM of who signed its own certificate, empty: the usual ones.

    ``dns_hook``: a URL that is told which TXT records to make for dns-01. ``terms_agreed``: the operator agrees to the
    server's terms of service.
    """

    directory: str
    email: str = ""
    ca: str = ""
    dns_hook: str = ""
    terms_agreed: bool = False


@dataclass(frozen=True, kw_only=True)
class AcmeAccount:
    """The account at ``directory``; ``uri`` is empty until the server has said it. ``key``: PEM, sealed."""

    directory: str
    key: str
    created: float
    uri: str = ""
    email: str = ""


@dataclass(frozen=True, kw_only=True)
class AcmeOrder:
    """An order that was placed for the certificate ``id`` and has not ended, so that it is gone on with after a crash.

    ``key``: PEM of the new certificate's key, sealed.
    """

    id: str
    directory: str
    uri: str
    key: str
    created: float
    domains: list[str] = field(default_factory=list)
