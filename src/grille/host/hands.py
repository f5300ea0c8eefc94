"""What is done with a job's container, volume and slug: several Docker calls each, in their right order."""

from __future__ import annotations

import asyncio

from ..wire.specs import JobSpec
from .containers import Place, creation
from .engine import Engine
from .model import Container
from .secrets import Secrets
from .slugs import Slugs
from .volumes import Volumes


class Hands:
    """Makes, starts and removes what a job consists of. Every method raises GrilleError."""

    def __init__(self, engine: Engine, slugs: Slugs, volumes: Volumes, secrets: Secrets) -> None:
        self._engine, self._slugs, self._volumes, self._secrets = engine, slugs, volumes, secrets
        self._pulls: dict[str, asyncio.Lock] = {}

    async def inspect(self, job: str) -> Container | None:
        """The job's container."""
        return await self._engine.inspect(job)

    async def signal(self, job: str, signal: str) -> None:
        """Send a signal to the job's first process."""
        await self._engine.signal(job, signal)

    async def create(self, spec: JobSpec, place: Place) -> None:
        """Secrets, image, slug, volume, container; what is there already is used."""
        private = self._secrets.environment(spec)
        await self._image(spec.image)
        lower = await self._slugs.ready(spec.slug) if spec.slug else None
        async with self._engine.turns:
            if lower is not None:
                await self._volumes.make(spec, lower)
            await self._engine.create(spec.id, creation(spec, place, private))

    async def start(self, spec: JobSpec, *, again: bool) -> None:
        """Start the container; ``again``: what its last run wrote to ``/app`` is thrown away first."""
        if spec.slug is not None:
            await self._slugs.ready(spec.slug)  # mounts do not outlive the host's reboot
        async with self._engine.turns:
            if spec.slug is not None and again:
                await self._volumes.reset(spec.id)
            await self._engine.start(spec.id)

    async def remove(self, spec: JobSpec) -> None:
        """Remove container and volume."""
        await self._engine.remove(spec.id)
        await self._volumes.drop(spec.id)

    async def _image(self, image: str) -> None:
        if await self._engine.has_image(image):
            return
        async with self._pulls.setdefault(image, asyncio.Lock()):
            if not await self._engine.has_image(image):
                await self._engine.pull(image)
