"""One job's life: look, decide, do, and again, in a task of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from ..wire.errors import Conflict, GrilleError, Unavailable, Unprocessable
from ..wire.routing import RouterStatus
from ..wire.specs import Instance, JobSpec, JobStatus
from .containers import Place, digest
from .decide import decide
from .hands import Hands
from .model import FINAL, Container, Decision, Do, Memory, Registration, View
from .moves import probed, refused, registers, remembered, started
from .probe import probe
from .registry import Registry
from .statuses import Statuses

log = structlog.get_logger()
KILL_PAUSE = 0.1
TROUBLE_PAUSE = 1.0


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all workers of an agent work with."""

    place: Place
    hands: Hands
    registry: Registry
    statuses: Statuses
    routers: Callable[[], Mapping[str, RouterStatus]]
    publish: Callable[[JobStatus], None]


class Worker:
    """Keeps one job as its spec desires.

    Args:
        status: what a former life of the agent left in the store.
        orphan: there is no spec in the store; the job ends and nothing is written but the deletion of its status.
    """

    def __init__(
        self, spec: JobSpec, revision: int, status: JobStatus | None, shared: Shared, *, orphan: bool = False
    ) -> None:
        self.spec, self._revision, self._shared, self.orphan = spec, revision, shared, orphan
        self.memory = remembered(status, time.time())
        self.container: Container | None = None
        self.done = False
        self.decided = 0  # the revision of the spec that was last acted on
        self.begun = asyncio.Event()  # it has been brought as far as it goes at once
        self._digest = digest(spec)
        self._said: JobStatus | None = status
        self._stale = True
        self._wake = asyncio.Event()
        # A registration that a former life made, and that this one has neither confirmed nor deleted.
        self._leftover = bool(status is not None and status.revision and spec.service)
        self._forgotten = False

    def update(self, spec: JobSpec, revision: int) -> None:
        """The store has ``spec`` at ``revision``."""
        if (revision, self.orphan) == (self._revision, False):
            return
        if self._forgotten:  # made anew under the same id
            self.memory, self._forgotten = Memory(changed=time.time()), False
        self.spec, self._revision, self.orphan = spec, revision, False
        self._digest = digest(spec)
        self._wake.set()

    def release(self) -> None:
        """The spec is gone from the store: end the job."""
        if not self.orphan:
            self.orphan, self._revision, self.spec = True, 0, replace(self.spec, desired="stop")
            self.done = self._forgotten
            self._wake.set()

    def look(self, *, fresh: bool = False) -> None:
        """Look at the container again. ``fresh``: Docker was away, what died meanwhile did not crash."""
        self._stale = True
        if fresh:
            self.memory = replace(self.memory, fresh=True)
        self._wake.set()

    def nudge(self) -> None:
        """Something that a decision reads may have changed."""
        self._wake.set()

    def waits_for_routers(self) -> bool:
        """Whether a router's acknowledgement can move the job on."""
        return self.memory.state == "draining" or (self.memory.state == "running" and registers(self.spec))

    def status(self) -> JobStatus:
        """The job as the store is to show it."""
        memory, spec = self.memory, self.spec
        container = None if memory.state in ("pending", "starting") else self.container
        return JobStatus(
            id=spec.id,
            host=self._shared.place.host,
            app=spec.app,
            process=spec.process,
            release=spec.release,
            state=memory.state,
            changed=memory.changed,
            reason=memory.reason,
            exit_code=memory.exit_code,
            container=container.id if container else "",
            address=self._address() if container else "",
            restarts=memory.restarts,
            started=container.started if container else 0.0,
            revision=self._shared.registry.state(spec.id).revision,
        )

    async def run(self) -> None:
        """Look after the job until it is gone. Errors are logged, and tried again."""
        while not self.done:
            try:
                await self._step()
            except asyncio.CancelledError:
                raise
            except GrilleError as error:
                log.warning("job step failed", job=self.spec.id, error=str(error))
                await self._pause(time.time() + TROUBLE_PAUSE)
            except Exception:
                log.exception("job step failed", job=self.spec.id)
                await self._pause(time.time() + 5 * TROUBLE_PAUSE)
        self._shared.registry.unwant(self.spec.id)

    async def _step(self) -> None:
        self._wake.clear()
        if self._stale:
            self._stale = False
            try:
                self.container = await self._shared.hands.inspect(self.spec.id)
            except BaseException:
                self._stale = True
                raise
        decision = decide(self._view())
        before = self.memory
        self._adopt(decision)
        if decision.do is None:
            await self._pause(decision.wake)
            return
        try:
            await self._carry_out(decision.do)
        except GrilleError:
            self.memory = replace(before, fresh=self.memory.fresh)
            self._stale = True
            raise

    def _view(self) -> View:
        shared = self._shared
        return View(
            spec=self.spec,
            digest=self._digest,
            container=self.container,
            memory=self.memory,
            registration=Registration(gone=None) if self._leftover else shared.registry.state(self.spec.id),
            routers=shared.routers(),
            now=time.time(),
        )

    def _adopt(self, decision: Decision) -> None:
        """Take the decision's memory; tell registry and store."""
        self.memory = decision.memory
        if decision.registered and self.container is not None:
            self._shared.registry.want(self.spec.id, self._instance(self.container))
        elif self._leftover:
            self._shared.registry.doom(self.spec.id, self.spec.service, self._instance_id())
        else:
            self._shared.registry.unwant(self.spec.id)
        self._leftover = False
        self._say()
        self.decided = self._revision

    def _say(self) -> None:
        status = self.status()
        if status == self._said or self.orphan:
            return
        if self._said is None or self._said.state != status.state:
            log.info("job", job=status.id, state=status.state, reason=status.reason)
        self._said = status
        self._shared.statuses.say(status)
        self._shared.publish(status)

    def _instance_id(self) -> str:
        """The job's id; for a brick, of which every host has one of the same name, the host's."""
        return self._shared.place.host if self.spec.critical else self.spec.id

    def _instance(self, container: Container) -> Instance:
        spec = self.spec
        return Instance(
            id=self._instance_id(),
            service=spec.service,
            address=self._address(),
            port=spec.port,
            host=self._shared.place.host,
            created=container.started,
            app=spec.app,
            process=spec.process,
            release=spec.release,
        )

    def _address(self) -> str:
        if self.spec.network == "host" or self.container is None:
            return self._shared.place.address
        return self.container.address

    async def _pause(self, until: float | None) -> None:
        self.begun.set()
        try:
            async with asyncio.timeout(None if until is None else max(0.0, until - time.time())):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _carry_out(self, do: Do) -> None:
        if do is Do.PROBE:
            await self._probe()
            return
        self._stale = True
        if do in (Do.CREATE, Do.START):
            await self._begin(do)
        elif do is Do.FORGET:
            await self._forget()
        elif do is Do.REMOVE:
            await self._shared.hands.remove(self.spec)
        else:
            await self._shared.hands.signal(self.spec.id, "SIGKILL" if do is Do.KILL else "SIGTERM")
            await self._pause(time.time() + KILL_PAUSE)

    async def _begin(self, do: Do) -> None:
        """Make or start the container; a refusal is remembered, with what follows from it."""
        hands = self._shared.hands
        try:
            if do is Do.CREATE:
                await hands.create(self.spec, self._shared.place)
            else:
                await hands.start(self.spec, again=bool(self.container and self.container.started))
                self.memory = started(self.memory)
        except Unavailable as error:
            if error.code == "no_docker":
                raise
            self.memory = refused(self.memory, self.spec, error.message, time.time(), final=False)
        except GrilleError as error:
            final = isinstance(error, Unprocessable)
            self.memory = refused(self.memory, self.spec, error.message, time.time(), final=final)
        self._say()

    async def _probe(self) -> None:
        """One health check, given up when something else comes up meanwhile."""
        check = asyncio.create_task(probe(self.spec.health, self._address(), self.spec.port))
        waking = asyncio.create_task(self._wake.wait())
        await asyncio.wait({check, waking}, return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        if check.done():
            self.memory = probed(self.memory, self.spec, check.result(), time.time())
        else:
            check.cancel()

    async def _forget(self) -> None:
        """Delete the job from the store; the mirror then tells the agent that it is gone."""
        try:
            await self._shared.statuses.forget(self.spec.id, self._revision)
        except Conflict:
            log.info("job changed while it was being forgotten", job=self.spec.id)
            await self._pause(time.time() + TROUBLE_PAUSE)
            return
        self._forgotten, self.done = True, self.orphan
        if not self.done:
            await self._pause(None)

    @property
    def ended(self) -> bool:
        """Whether the job will never write another line."""
        running = self.container is not None and self.container.running
        return self.done or (self.memory.state in FINAL and not running)
