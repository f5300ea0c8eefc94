"""The pages that HAProxy answers by itself: which error, in words, and a machine code in ``X-Grille-Error``.

An app's own page, where it has one, is found in the map of pages when the answer is made.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .saved import write


@dataclass(frozen=True)
class Page:
    """One page.

    Args:
        app: which page of the app's own takes its place. log_format: its text holds HAProxy's ``%[…]`` expressions.
        retry: seconds after which a client may ask again, 0 to say nothing.
    """

    name: str
    status: int
    code: str
    title: str
    text: str
    app: Literal["", "error", "maintenance"] = ""
    log_format: bool = False
    retry: int = 0


NO_ROUTE = Page(
    "no-route",
    404,
    "no_route",
    "No app here",
    "No app answers to <b>%[var(txn.host),regsub([^a-z0-9.:-],,g)]</b>. "
    "If it should, look at the app's routes: host name and path must be those of the request.",
    log_format=True,
)
NO_SERVER = Page(
    "no-server",
    503,
    "no_instance",
    "Nothing runs here at present",
    "The app has no running instance: it is scaled to zero, or not up yet.",
    app="error",
)
BAD_REQUEST = Page("bad-request", 400, "bad_request", "Bad request", "The request could not be understood.")
BAD_HOST = BAD_REQUEST
UNAVAILABLE = Page(
    "unavailable", 503, "app_unavailable", "App not available", "No instance of the app took the request.", app="error"
)
OWN_ERRORS = (
    BAD_REQUEST,
    Page("request-timeout", 408, "request_timeout", "Request too slow", "The request did not arrive in time."),
    Page(
        "bad-gateway",
        502,
        "bad_gateway",
        "Bad answer",
        "The app closed the connection or sent no valid answer.",
        app="error",
    ),
    UNAVAILABLE,
    Page("timeout", 504, "app_timeout", "App too slow", "The app did not answer in time.", app="error"),
)
LENGTH_REQUIRED = Page(
    "length-required",
    411,
    "length_required",
    "Length required",
    "The app takes bodies up to a limit only, and the request does not say how long its body is.",
)
RATE_LIMITED = Page(
    "rate-limited",
    429,
    "rate_limited",
    "Too many requests",
    "The app lets one client send so many requests in ten seconds, and no more.",
    retry=10,
)
OF_OPTIONS = (
    Page(
        "maintenance",
        503,
        "maintenance",
        "Down for maintenance",
        "The app is being worked on and will be back.",
        app="maintenance",
        retry=120,
    ),
    Page("body-too-large", 413, "body_too_large", "Body too large", "The request's body is larger than the app takes."),
    LENGTH_REQUIRED,
    Page(
        "client-certificate",
        403,
        "client_certificate_required",
        "Client certificate required",
        "The app asks its clients for a certificate of theirs, and there was none that it trusts.",
    ),
    Page(
        "misdirected",
        421,
        "misdirected",
        "Misdirected request",
        "The connection was made for another host than the request. Ask again on a connection of its own.",
    ),
)
ALL = (NO_ROUTE, NO_SERVER, *OWN_ERRORS, RATE_LIMITED, *OF_OPTIONS)
TYPE = '"text/html; charset=utf-8"'

_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 1rem/1.5 sans-serif; margin: 15vh auto; max-width: 34rem; padding: 0 1rem }}</style></head>
<body><h1>{title}</h1><p>{text}</p><p><code>{status} {code}</code></p></body></html>
"""


KEPT = re.compile(r"(?is)(<(pre|textarea|script)\b.*?</\2\s*>)")
LINE_END = re.compile(r"\r\n|[\x00-\x1f\x7f]")


def one_line(text: str) -> str:
    """An app's own page without line ends: HAProxy would write them as ``%0A``. It means the same to browsers.

    They are blanks, but what stands for them in ``pre`` and ``textarea`` is a reference, in ``script`` U+2028, which
    ends a line of JavaScript (ECMA-262, section 12.3). Other control characters become blanks too.
    """
    parts = KEPT.split(text)
    return "".join(
        LINE_END.sub(" ", part) if kind is None else LINE_END.sub("\u2028" if kind == "script" else "&#10;", part)
        for part, kind in _parts(parts)
    )


def _parts(parts: list[str]) -> Iterator[tuple[str, str | None]]:
    """Text outside (kind None) and elements kept as they are, in turn, of what ``KEPT`` split."""
    for at in range(0, len(parts), 3):
        yield parts[at], None
        if at + 2 < len(parts):
            yield parts[at + 1], parts[at + 2].lower()


def html(page: Page) -> str:
    """The document of ``page``."""
    return _HTML.format(title=page.title, text=page.text, status=page.status, code=page.code)


def file(page: Page, folder: Path) -> str:
    """What is in the file of ``page``: its document, or the expression that finds the app's own before it.

    Args:
        folder: the router's.
    """
    if not page.app:
        return html(page)
    own = base64.b64encode(one_line(html(page)).encode()).decode()
    return f"%[var(txn.route),field(2,|),concat(/{page.app}),map_str({folder}/pages.map,{own}),b64dec]"


def reference(page: Page, folder: Path) -> str:
    """What a ``return`` or ``http-error`` directive says to send ``page``; ``folder`` is the router's."""
    kind = "lf-file" if page.log_format or page.app else "file"
    retry = f" hdr Retry-After {page.retry}" if page.retry else ""
    return (
        f"status {page.status} content-type {TYPE} {kind} {folder}/pages/{page.name}.html "
        f"hdr X-Grille-Error {page.code} hdr Cache-Control no-store{retry}"
    )


def lay(folder: Path) -> None:
    """Write all pages into ``pages`` in ``folder``, the router's."""
    (folder / "pages").mkdir(parents=True, exist_ok=True)
    for page in ALL:
        write(folder / "pages" / f"{page.name}.html", file(page, folder).encode())
