"""Where certificates are ordered by ACME: the settings, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ...service.certificates import read_ca
from ...wire import keys
from ...wire.acme import AcmeSettings
from ...wire.errors import InvalidValue
from ..records import Records
from . import checks
from .draft import Draft

KEYS = ("directory", "email", "ca", "dns_hook", "terms_agreed", "dry_run")
EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[A-Za-z0-9.-]{1,253}\Z")
MOST_CA = 200_000


def put_settings(records: Records, body: Mapping[str, Any]) -> Draft:
    """PUT /acme; with ``dry_run`` it compares and writes nothing. Raises InvalidValue, TooLarge."""
    checks.only(body, KEYS)
    email, ca, hook = checks.text(body, "email"), checks.text(body, "ca", MOST_CA), checks.text(body, "dns_hook")
    if email and not EMAIL.match(email):
        raise InvalidValue(f"email {email!r} is not valid", remedy="use one like ops@example.org", code="invalid_email")
    if body.get("terms_agreed") is not True:
        raise InvalidValue(
            "the ACME server's terms of service are not agreed to",
            remedy="read them, then give terms_agreed: true",
            code="terms_not_agreed",
        )
    wanted = AcmeSettings(
        directory=_url("directory", checks.text(body, "directory"), ("https",)),
        email=email,
        ca=read_ca(ca) if ca else "",
        dns_hook=_url("dns_hook", hook, ("http", "https")) if hook else "",
        terms_agreed=True,
    )
    changed = wanted != records.acme_settings
    draft = Draft(records, {"settings": wanted, "changed": changed})
    if changed and body.get("dry_run") is not True:
        draft.put(keys.ACME_SETTINGS, wanted)
    return draft


def _url(name: str, value: str, schemes: tuple[str, ...]) -> str:
    try:
        parts = urlsplit(value)
        good = parts.scheme in schemes and bool(parts.hostname) and value.isascii() and not re.search(r"\s", value)
        _ = parts.port  # raises when it is none
    except ValueError:
        good = False
    if not good:
        like = f"{schemes[-1]}://acme.example.org/directory"
        raise InvalidValue(f"{name} {value!r} is not valid", remedy=f"use a URL like {like}", code=f"invalid_{name}")
    return value
