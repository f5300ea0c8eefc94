"""Wiring: from settings to one running controller."""

from __future__ import annotations

import aiohttp
from aiohttp import web

from ..service.daemon import Loop, run_loops, serve
from ..service.http import application
from ..service.sealing import Keyring
from ..service.settings import Settings
from ..service.tokens import Tokens
from ..store import Election, Event, Mirror, Store
from . import config, views
from .agents import Agents
from .carry.collect import Collector
from .carry.leader import Leader
from .carry.rollouts import Rollouts
from .context import CONTEXT, Context
from .events import Hub
from .metrics import Metrics
from .records import Records
from .routers import Routers
from .shelf import Shelf

END = "~"  # sorts after every key
TTL = 5.0  # seconds after which a leader that died is replaced


def assemble(settings: config.Config, store: Store, session: aiohttp.ClientSession, tokens: Tokens) -> Context:
    """The parts of a controller, the mirror feeding the records and the events."""
    records, hub, mirror = Records(), Hub(), Mirror(store, "", END)

    def listener(events: list[Event], revision: int) -> None:
        for change in filter(None, map(records.apply, events)):
            hub.publish(change, revision)

    mirror.listen(listener)
    return Context(
        config=settings,
        store=store,
        mirror=mirror,
        records=records,
        election=Election(store, "controller", settings.identity, ttl=TTL),
        hub=hub,
        agents=Agents(session, tokens, records),
        routers=Routers(session, tokens, records),
        shelf=Shelf(session, tokens, records, settings.shelf_key),
        metrics=Metrics(),
        keyring=Keyring(settings.config_keys),
    )


def make_app(context: Context, tokens: Tokens) -> web.Application:
    """The HTTP application of a controller."""
    app = application(tokens)
    app[CONTEXT] = context
    views.attach(app)
    return app


def loops(context: Context) -> dict[str, Loop]:
    """What a controller does all the time."""
    return {
        "mirror": context.mirror.run,
        "election": context.election.run,
        "leader": Leader(context).run,
        "collect": Collector(context).run,
        "rollouts": Rollouts(context).run,
    }


async def run(settings: Settings) -> None:
    """The daemon, until it is told to stop."""
    chosen, tokens = config.read(settings), Tokens(settings.tokens)
    async with Store(settings.etcd, tls=settings.etcd_tls) as store, aiohttp.ClientSession() as session:
        context = assemble(chosen, store, session, tokens)
        runner = await serve(make_app(context, tokens), chosen.address, chosen.port)
        try:
            await run_loops(loops(context))
        finally:
            await runner.cleanup()
