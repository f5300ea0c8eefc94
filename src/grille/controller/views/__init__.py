"""The HTTP API: each handler reads a request, calls ``changes`` or ``present``, answers. Roles are declared here.

Imports ``context``, ``changes``, ``present`` and ``service``; decides nothing.
"""

from aiohttp import web

from . import apps, certificates, config, grid, locks, logs, routes, top, work


def attach(app: web.Application) -> None:
    """Add the controller's API to ``app``, which must hold a Context."""
    for part in (apps, work, config, routes, certificates, logs, locks, top, grid):
        part.attach(app)
