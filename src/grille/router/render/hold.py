"""The frontend that requests come to whose backend has no usable server: they wait, and are sent there again.

The last server of each backend leads here. What backend it was, until when to wait, and whether it is to be sent once,
comes with the PROXY protocol (the unique id, see ``web``); each round through here adds an ``x`` to it, so that none
goes round for ever.
"""

from __future__ import annotations

from .. import pages
from ..pool import WAIT
from . import settings, web
from .options import Options

FOREVER = 86_400_000  # milliseconds: the request that waits has a timeout of its own


def section(options: Options) -> str:
    """The frontend ``hold``."""
    lines = [
        web.inner(options, "hold"),
        "unique-id-format %[fc_pp_unique_id]x",
        "http-request set-var(txn.route) fc_pp_unique_id",
        "http-request lua.grille_hold",
        f"http-request return {pages.reference(pages.UNAVAILABLE, options.folder)} unless {{ var(txn.held) -m found }}",
        f"http-request set-var(txn.t) int({FOREVER})",
        "use_backend %[var(txn.held)]",
    ]
    timeout = f"timeout client {FOREVER}ms"
    return settings.http_defaults(settings.HELD, options, timeout) + (
        f"frontend hold from {settings.HELD}\n" + "".join(f"    {line}\n" for line in lines)
    )


def server(options: Options) -> str:
    """The last server of a backend of HTTP."""
    return f"server {WAIT} unix@{options.inner('hold')} backup send-proxy-v2 proxy-v2-options unique-id pool-max-conn 0"
