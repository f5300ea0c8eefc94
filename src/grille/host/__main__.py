"""``python -m grille.host``: the agent, put together from its settings."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from ..codec import decode
from ..service.daemon import Loop, main, run_loops, serve
from ..service.sealing import KEYS_FILE, Keyring
from ..service.settings import Settings
from ..service.tokens import Tokens
from ..store import USUAL_TTL, Lease, Mirror, Store
from ..wire import keys
from ..wire.routing import RouterStatus
from ..wire.specs import HostStatus, Instance, JobStatus
from .agent import Agent
from .api import Api
from .containers import Place, resolvers
from .desired import Desired
from .engine import SOCKET, Engine
from .hands import Hands
from .hub import Hub
from .layer0 import LABEL, Layer0
from .machine import Cgroups
from .presence import Presence, load_lease, save_lease
from .registry import Registry
from .routes import Routes
from .secrets import Secrets
from .slugs import Slugs
from .statuses import Statuses
from .streams import Streams
from .tags import read_tags
from .volumes import Volumes
from .worker import Shared

PORT = 7410
LAYER0 = frozenset({"grille-guard", "grille-etcd"})


class Routers:
    """The routers that are alive, decoded when their keys change."""

    def __init__(self, store: Store) -> None:
        self.mirror = Mirror(store, keys.ROUTERS)
        self._known: dict[str, RouterStatus] = {}
        self.mirror.listen(lambda events, revision: self._decode())

    def _decode(self) -> None:
        self._known = {key: decode(RouterStatus, e.value, what=key) for key, e in self.mirror.entries.items()}

    def __call__(self) -> Mapping[str, RouterStatus]:
        """The routers by key."""
        return self._known


class Daemon:
    """All parts of the agent, made from settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.data = Path(settings.text("DATA", "/var/lib/grille/agent"))
        self.data.mkdir(parents=True, exist_ok=True)
        socket = settings.text("DOCKER_SOCKET", SOCKET)
        network = settings.text("NETWORK", "grille")
        self.port = settings.integer("AGENT_PORT", PORT)
        self.tokens, self.hub = Tokens(settings.tokens), Hub()
        self.store, self.streams = Store(settings.etcd, tls=settings.etcd_tls), Streams(socket)
        self.engine = Engine(socket, starts=settings.integer("STARTS", 4), network=network)
        self.routers = Routers(self.store)
        self.shelves = Mirror(self.store, f"{keys.SERVICES}{settings.text('SHELF', 'shelf')}/")
        self.registry = Registry(self.store, self._registered)
        self.statuses = Statuses(self.store, settings.host)
        self.slugs = Slugs(self.data / "slugs", self._shelf_urls, lambda: self.tokens.of("admin"), socket)
        self.volumes = Volumes(self.engine, self.data / "jobs", settings.host)
        self.desired = Desired(self.store, settings.host, self.data / "specs.json")
        self.agent = self._agent(network)
        copy = self.data / "neighbours.json"
        self.routes = Routes(self.store, self.engine, settings.host, settings.address, network, copy)
        self.presence = Presence(self.store, self.engine, self._base(), self.data, lambda: len(self.agent.workers))
        lease_file = self.data / "lease.json"
        self._lease_file = lease_file
        ttl = settings.number("LEASE_TTL", USUAL_TTL)
        self.lease = Lease(self.store, ttl, self._leased, resume=load_lease(lease_file))
        self.presence.lease = self.lease
        self.routers.mirror.listen(lambda events, revision: self._routers_moved())

    def _agent(self, network: str) -> Agent:
        place = Place(
            host=self.settings.host,
            address=self.settings.address,
            network=network,
            runtime=self.settings.text("RUNTIME", ""),
            resolvers=resolvers(self.settings.words("DNS")),
        )
        shared = Shared(
            place=place,
            hands=Hands(self.engine, self.slugs, self.volumes, self._secrets()),
            registry=self.registry,
            statuses=self.statuses,
            routers=self.routers,
            publish=self._publish,
        )
        return Agent(self.store, self.desired, self.engine, self.streams, self.slugs, self.volumes, shared)

    def _secrets(self) -> Secrets:
        settings = self.settings
        return Secrets(
            Keyring(settings.text("CONFIG_KEYS", KEYS_FILE)),
            discoverd=settings.text("DISCOVERD", f"http://{settings.address}:7412"),
            signing_key=settings.text("SHELF_KEY", "/etc/grille/shelf.key"),
        )

    def _base(self) -> HostStatus:
        address = self.settings.address
        return HostStatus(
            host=self.settings.host,
            address=address,
            url=f"http://{address}:{self.port}",
            started=time.time(),
            updated=0,
            cpus=0,
            load=0,
            memory_total=0,
            memory_available=0,
            disk_total=0,
            disk_free=0,
            jobs=0,
            tags=read_tags(self.settings.words("TAGS")),
        )

    def _publish(self, status: JobStatus) -> None:
        self.hub.publish(status)

    def _shelf_urls(self) -> list[str]:
        instances = [decode(Instance, entry.value, what=key) for key, entry in self.shelves.entries.items()]
        mine = self.settings.host
        return [f"http://{i.address}:{i.port}" for i in sorted(instances, key=lambda i: (i.host != mine, i.id))]

    def _registered(self, job: str) -> None:
        if job in self.agent.workers:
            self.agent.workers[job].nudge()

    def _routers_moved(self) -> None:
        for worker in self.agent.workers.values():
            if worker.waits_for_routers():
                worker.nudge()

    async def _leased(self, lease: int) -> None:
        save_lease(self._lease_file, lease)
        self.presence.renewed()
        await self.registry.renewed(lease)

    async def run(self) -> None:
        """Serve and reconcile until told to stop; containers and registrations stay."""
        cgroups = Cgroups(Path(self.settings.text("CGROUP", "/sys/fs/cgroup")))
        app = Api(self.agent, self.presence, self.hub, cgroups, self.tokens).application()
        layer0 = Layer0(
            self.engine,
            self.streams,
            myself=self.settings.text("SELF", "grille-agent"),
            label=self.settings.text("GUARD_LABEL", LABEL),
            only=LAYER0,
        )
        runner = await serve(app, self.settings.address, self.port)
        loops: dict[str, Loop] = {
            "jobs in the store": self.desired.follow,
            "copy of the jobs": self.desired.keep_copy,
            "routers": self.routers.mirror.run,
            "shelves": self.shelves.run,
            "lease": self.lease.run,
            "registry": self.registry.run,
            "statuses": self.statuses.run,
            "workers": self.agent.follow_store,
            "docker events": self.agent.follow_docker,
            "docker list": self.agent.relist,
            "sweep": self.agent.sweep,
            "presence": self.presence.run,
            "neighbours in the store": self.routes.mirror.run,
            "own network": self.routes.publish,
            "routes": self.routes.keep,
            "layer 0 events": layer0.follow,
            "layer 0": layer0.keep,
        }
        try:
            await run_loops(loops)
        finally:
            await self.agent.stop()
            await runner.cleanup()
            await self.streams.close()
            await self.store.close()


async def run(settings: Settings) -> None:
    """Run the agent with ``settings``."""
    await Daemon(settings).run()


if __name__ == "__main__":
    main("agent", run)
