"""The pages that HAProxy answers by itself: which error, in words, and a machine code in ``X-Grille-Error``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .saved import write


@dataclass(frozen=True)
class Page:
    """One page. ``log_format``: its text holds HAProxy's ``%[…]`` expressions."""

    name: str
    status: int
    code: str
    title: str
    text: str
    log_format: bool = False


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
    "The service <b>%[var(txn.service)]</b> has no running instance: it is scaled to zero, or not up yet.",
    log_format=True,
)
OWN_ERRORS = (
    Page("bad-request", 400, "bad_request", "Bad request", "The request could not be understood."),
    Page("request-timeout", 408, "request_timeout", "Request too slow", "The request did not arrive in time."),
    Page("bad-gateway", 502, "bad_gateway", "Bad answer", "The app closed the connection or sent no valid answer."),
    Page("unavailable", 503, "app_unavailable", "App not available", "No instance of the app took the request."),
    Page("timeout", 504, "app_timeout", "App too slow", "The app did not answer in time."),
)
TYPE = '"text/html; charset=utf-8"'

_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 1rem/1.5 sans-serif; margin: 15vh auto; max-width: 34rem; padding: 0 1rem }}</style></head>
<body><h1>{title}</h1><p>{text}</p><p><code>{status} {code}</code></p></body></html>
"""


def html(page: Page) -> str:
    """The document of ``page``."""
    return _HTML.format(title=page.title, text=page.text, status=page.status, code=page.code)


def reference(page: Page, folder: Path) -> str:
    """What a ``return`` or ``http-error`` directive says to send ``page``."""
    kind = "lf-file" if page.log_format else "file"
    return (
        f"status {page.status} content-type {TYPE} {kind} {folder}/{page.name}.html "
        f"hdr X-Grille-Error {page.code} hdr Cache-Control no-store"
    )


def lay(folder: Path) -> None:
    """Write all pages into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in (NO_ROUTE, NO_SERVER, *OWN_ERRORS):
        write(folder / f"{page.name}.html", html(page).encode())
