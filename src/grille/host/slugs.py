"""The host's slugs: fetched from shelf once, checked, mounted once, dropped when nobody has used them for a while."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import structlog

from ..wire.errors import Failed, GrilleError, Unavailable, Unprocessable
from ..wire.specs import Slug
from . import mounts

log = structlog.get_logger()
CHUNK = 1024 * 1024
UNUSED = 600.0  # seconds after which a slug that no job uses is dropped


class Slugs:
    """Slugs below ``folder``: ``<digest>.squashfs``, and its content at ``<digest>/``.

    Args:
        shelves: gives the URLs of shelf's instances that are up at the moment.
        token: gives the token to fetch with.
        socket: Docker's, to find the mount namespace in which volumes are made.
        unused: seconds after which ``sweep`` drops a slug that no job uses.
    """

    def __init__(
        self,
        folder: Path,
        shelves: Callable[[], list[str]],
        token: Callable[[], str],
        socket: str,
        *,
        unused: float = UNUSED,
    ) -> None:
        self._folder, self._shelves, self._token, self._socket = folder, shelves, token, socket
        self._unused = unused
        self._locks: dict[str, asyncio.Lock] = {}
        self._used: dict[str, float] = {}

    async def ready(self, slug: Slug) -> Path:
        """The folder with the slug's content, there now whatever it takes.

        Raises:
            Unavailable: no shelf has it at the moment. Failed: it cannot be mounted or unpacked.
        """
        self._used[slug.digest] = time.time()
        async with self._locks.setdefault(slug.digest, asyncio.Lock()):
            target, image = self._folder / slug.digest, self._folder / f"{slug.digest}.squashfs"
            if not self._open_already(target):
                if not image.exists():
                    await self._fetch(slug, image)
                await self._open(image, target)
            return target

    def _open_already(self, target: Path) -> bool:
        if target.with_suffix(".unpacked").exists():
            return True
        try:
            return mounts.mounted(mounts.docker_pid(self._socket), str(target))
        except Failed:
            return False

    async def _open(self, image: Path, target: Path) -> None:
        os.makedirs(target, exist_ok=True)
        try:
            await mounts.mount_squashfs(mounts.docker_pid(self._socket), str(image), str(target))
        except Failed as error:
            log.warning("slug not mounted, unpacking it instead", slug=image.name, error=error.message)
            await self._unpack(image, target)

    async def _unpack(self, image: Path, target: Path) -> None:
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        try:
            await mounts.run("unsquashfs", "-no-progress", "-d", str(partial), str(image))
        except Failed as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise Failed(f"slug {image.stem[:12]} can neither be mounted nor unpacked: {error.message}") from None
        await asyncio.to_thread(_put_in_place, partial, target)

    async def _fetch(self, slug: Slug, image: Path) -> None:
        """Download from the first shelf that gives it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        reason = "no shelf is up"
        for url in self._shelves():
            partial = image.with_suffix(".part")
            try:
                await self._download(f"{url}/objects/slugs/{image.name}", partial, slug.digest)
                partial.rename(image)
                return
            except (aiohttp.ClientError, OSError, TimeoutError, GrilleError) as error:
                reason = f"{url}: {error or type(error).__name__}"
            finally:
                partial.unlink(missing_ok=True)
        raise Unavailable(f"slug {slug.digest[:12]} cannot be fetched: {reason}", code="slug_unavailable")

    async def _download(self, url: str, partial: Path, digest: str) -> None:
        seen = hashlib.sha256()
        headers = {"Authorization": f"Bearer {self._token()}"}
        limits = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=30)
        async with aiohttp.ClientSession(timeout=limits) as session, session.get(url, headers=headers) as answer:
            if answer.status != 200:
                raise Unavailable(f"shelf answered {answer.status}")
            with partial.open("wb") as file:
                async for chunk in answer.content.iter_chunked(CHUNK):
                    seen.update(chunk)
                    await asyncio.to_thread(file.write, chunk)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
        if seen.hexdigest() != digest:
            raise Unprocessable("what shelf sent has another sha256", code="slug_corrupt")

    async def sweep(self, in_use: set[str]) -> None:
        """Drop the slugs that are not ``in_use`` and were not used for a while."""
        now = time.time()
        for image in self._folder.glob("*.squashfs"):
            digest = image.stem
            if digest in in_use:
                self._used[digest] = now
            elif now - self._used.setdefault(digest, now) > self._unused:
                await self._drop(image, self._folder / digest)

    async def _drop(self, image: Path, target: Path) -> None:
        try:
            if self._open_already(target) and not target.with_suffix(".unpacked").exists():
                await mounts.unmount(mounts.docker_pid(self._socket), str(target))
        except Failed as error:
            log.info("slug still in use", slug=image.name, error=error.message)
            return
        await asyncio.to_thread(_delete, image, target)
        self._used.pop(image.stem, None)
        log.info("slug dropped", slug=image.name)


def _put_in_place(partial: Path, target: Path) -> None:
    """Make ``partial`` the content of the slug, and note that it is whole."""
    target.rmdir()
    partial.rename(target)
    target.with_suffix(".unpacked").touch()


def _delete(image: Path, target: Path) -> None:
    target.with_suffix(".unpacked").unlink(missing_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    image.unlink(missing_ok=True)
