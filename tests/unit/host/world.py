"""A simulated container, store and routers for one job, driven by the agent's decisions alone."""

from __future__ import annotations

from dataclasses import replace

from grille.host.decide import decide
from grille.host.model import Container, Do, Memory, Registration, View
from grille.host.moves import probed, refused, started
from grille.wire.routing import RouterStatus
from grille.wire.specs import Health, JobSpec

SPEC = JobSpec(
    id="shop-web-00000001",
    host="h1",
    app="shop",
    process="web",
    release=1,
    kind="service",
    image="grille/run:1",
    created=0,
    port=5000,
    service="shop-web",
    health=Health(boot_timeout=10),
    stop_grace=5,
    drain_deadline=8,
)
WORKER = replace(SPEC, port=0, service="")
RUN = replace(WORKER, kind="ephemeral", restart="never")


class World:
    """A Docker with room for one container, a store and routers that keep up; time moves only by hand."""

    def __init__(self, spec: JobSpec = SPEC) -> None:
        self.spec, self.now, self.memory = spec, 1000.0, Memory(changed=1000.0)
        self.container: Container | None = None
        self.registration = Registration()
        self.routers: dict[str, RouterStatus] = {}
        self.well, self.lag, self.ignores_term, self.refusal = True, False, False, ""
        self.starts: list[float] = []
        self.done: list[Do] = []
        self.forgotten = False
        self._revision = 10

    def step(self) -> bool:
        """One decision and what follows from it; False when there was nothing to do but wait."""
        if self.forgotten:
            return False
        view = View(
            spec=self.spec,
            digest="d1",
            container=self.container,
            memory=self.memory,
            registration=self.registration,
            routers=self.routers,
            now=self.now,
        )
        decision = decide(view)
        changed = decision.memory != self.memory
        self.memory = decision.memory
        self._register(decision.registered)
        if decision.do is None:
            return changed or (decision.wake is not None and decision.wake <= self.now)
        self.done.append(decision.do)
        getattr(self, f"_{decision.do.value}")()
        return True

    def _register(self, wanted: bool) -> None:
        if wanted != bool(self.registration.revision):
            self._revision += 1
            self.registration = Registration(revision=self._revision, gone=None) if wanted else Registration()
            if not wanted:
                self.registration = Registration(gone=self._revision)
            if not self.lag:
                self.catch_up()

    def catch_up(self) -> None:
        self.routers = {name: replace(r, revision=self._revision) for name, r in self.routers.items()}

    def _create(self) -> None:
        if self.refusal:
            self.memory = refused(self.memory, self.spec, self.refusal, self.now, final=True)
        else:
            self.container = Container(id=f"c{len(self.done)}", running=False, digest="d1")

    def _start(self) -> None:
        assert self.container is not None
        assert not self.container.running
        self.starts.append(self.now)
        self.container = replace(self.container, running=True, started=self.now + len(self.starts) / 1000)
        self.memory = started(self.memory)

    def _probe(self) -> None:
        self.memory = probed(self.memory, self.spec, self.well, self.now)

    def _term(self) -> None:
        if not self.ignores_term:
            self.die(143)

    def _kill(self) -> None:
        self.die(137)

    def die(self, code: int = 1) -> None:
        assert self.container is not None
        self.container = replace(self.container, running=False, exit_code=code)

    def _remove(self) -> None:
        assert self.container is not None
        assert not self.container.running
        self.container = None

    def _forget(self) -> None:
        self.forgotten = True

    def rest(self) -> World:
        """Go on until there is nothing to do at this moment."""
        for _ in range(200):
            if not self.step():
                return self
        raise AssertionError(f"never rests: {self.memory}, {self.done[-6:]}")

    def pass_time(self, seconds: float, tick: float = 0.1) -> World:
        end = self.now + seconds
        while self.now < end:
            self.now += tick
            self.rest()
        return self


def router(revision: int = 0, sessions: int = 0) -> RouterStatus:
    drains = {SPEC.id: sessions} if sessions else {}
    return RouterStatus(id="r1", host="h1", revision=revision, updated=0, drains=drains)


def up(spec: JobSpec = SPEC) -> World:
    world = World(spec).rest().pass_time(2.5)
    assert world.memory.state == "up"
    return world
