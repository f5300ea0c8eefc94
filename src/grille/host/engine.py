"""Docker's calls, in threads: make, start, signal, remove, look, list. Errors come out as Grille's."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from ..wire.errors import Failed, Unavailable, Unprocessable
from .model import Container

T = TypeVar("T")
SOCKET = "/var/run/docker.sock"
THREADS = 12


class Engine:
    """One Docker daemon. Every method raises Unavailable when it does not answer.

    Args:
        socket: the path of its socket.
        starts: how many containers may be made or started at once (more only adds latency).
    """

    def __init__(self, socket: str = SOCKET, *, starts: int = 4, network: str = "grille") -> None:
        self.socket, self._network = socket, network
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="docker")
        self._client: docker.APIClient | None = None
        self.turns = asyncio.Semaphore(starts)

    async def _call(self, function: Callable[[docker.APIClient], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._translated, function)

    def _translated(self, function: Callable[[docker.APIClient], T]) -> T:
        try:
            if self._client is None:
                url = f"unix://{self.socket}"
                self._client = docker.APIClient(base_url=url, version="auto", timeout=90, max_pool_size=THREADS + 4)
            return function(self._client)
        except (NotFound, APIError):
            raise
        except (requests.RequestException, DockerException, OSError) as error:
            self._client = None
            raise Unavailable(f"Docker does not answer: {type(error).__name__}", code="no_docker") from None

    async def version(self) -> str:
        """The daemon's version."""
        return str((await self._call(lambda client: client.version()))["Version"])

    async def containers(self, label: str) -> dict[str, dict[str, Any]]:
        """All containers with ``label``, running or not: name → Docker's summary."""
        found = await self._call(lambda client: client.containers(all=True, filters={"label": label}))
        return {summary["Names"][0].lstrip("/"): summary for summary in found if summary.get("Names")}

    async def inspect(self, name: str) -> Container | None:
        """The container called ``name``."""
        try:
            return seen(await self._call(lambda client: client.inspect_container(name)), self._network)
        except NotFound:
            return None

    async def create(self, name: str, body: dict[str, Any]) -> None:
        """Make a container; one that is there already is fine.

        Raises:
            Unprocessable: Docker says that this can never work. Failed: it did not work this time.
        """
        try:
            await self._call(lambda client: client.create_container_from_config(body, name))
        except APIError as error:
            if error.status_code != 409:
                raise refusal("container not made", error) from None

    async def start(self, name: str) -> None:
        """Start a container; raises as ``create`` does."""
        try:
            await self._call(lambda client: client.start(name))
        except APIError as error:
            raise refusal("container not started", error) from None

    async def signal(self, name: str, signal: str) -> None:
        """Send ``signal`` to the container's first process; fine when there is none any more."""
        await self._quietly(lambda client: client.kill(name, signal))

    async def remove(self, name: str) -> None:
        """Remove a container and its anonymous volumes, killing it if need be."""
        await self._quietly(lambda client: client.remove_container(name, v=True, force=True))

    async def remove_volume(self, name: str) -> None:
        """Remove a named volume; fine when it is gone or in use."""
        await self._quietly(lambda client: client.remove_volume(name))

    async def create_volume(self, name: str, options: dict[str, str], labels: dict[str, str]) -> None:
        """Make a volume of the ``local`` driver; one of that name is used as it is."""
        make = functools.partial(docker.APIClient.create_volume, name=name, driver_opts=options, labels=labels)
        try:
            await self._call(lambda client: make(client, driver="local"))
        except APIError as error:
            raise refusal("volume not made", error) from None

    async def volumes(self, label: str) -> list[str]:
        """The names of the volumes with ``label``."""
        found = await self._call(lambda client: client.volumes(filters={"label": label}))
        return [volume["Name"] for volume in found.get("Volumes") or ()]

    async def subnet(self) -> str:
        """The IPv4 subnet of the jobs' network, like ``10.213.0.0/24``; raises Failed when it has none."""
        try:
            found = await self._call(lambda client: client.inspect_network(self._network))
        except APIError as error:
            raise refusal(f"network {self._network}", error) from None
        subnets = [str(one.get("Subnet", "")) for one in (found.get("IPAM") or {}).get("Config") or ()]
        for subnet in subnets:
            if "." in subnet:
                return subnet
        raise Failed(f"network {self._network} has no IPv4 subnet")

    async def has_image(self, image: str) -> bool:
        """Whether ``image`` is on this host."""
        try:
            await self._call(lambda client: client.inspect_image(image))
        except (ImageNotFound, NotFound):
            return False
        except APIError as error:
            raise refusal(f"image {image}", error) from None
        return True

    async def pull(self, image: str) -> None:
        """Pull ``image``; raises Unprocessable when it cannot be had."""
        try:
            await self._call(lambda client: _pull(client, image))
        except APIError as error:
            raise refusal(f"image {image} is not on this host and cannot be pulled", error, final=True) from None

    async def _quietly(self, function: Callable[[docker.APIClient], Any]) -> None:
        try:
            await self._call(function)
        except APIError as error:
            if error.status_code not in (404, 409):
                raise refusal("Docker refused", error) from None


def _pull(client: docker.APIClient, image: str) -> None:
    name, _, tag = image.rpartition(":")
    if not name or "/" in tag:
        name, tag = image, "latest"
    for line in client.pull(name, tag=tag, stream=True, decode=True):
        if "error" in line:
            raise Unprocessable(f"image {image} is not on this host and cannot be pulled: {line['error']}")


def refusal(what: str, error: APIError, *, final: bool = False) -> Failed | Unprocessable:
    """Docker's refusal as an error of Grille: Unprocessable when trying again cannot help."""
    text = f"{what}: {error.explanation or error}".strip()
    return Unprocessable(text) if final or error.status_code in (400, 404) else Failed(text)


def seen(document: dict[str, Any], network: str) -> Container:
    """The Container in Docker's answer to an inspection."""
    state = document["State"]
    networks = document["NetworkSettings"].get("Networks") or {}
    return Container(
        id=document["Id"],
        running=bool(state["Running"]),
        started=timestamp(state["StartedAt"]),
        exit_code=int(state["ExitCode"]),
        address=(networks.get(network) or {}).get("IPAddress", ""),
        digest=(document["Config"].get("Labels") or {}).get("grille.spec", ""),
        oom=bool(state.get("OOMKilled")),
    )


def timestamp(text: str) -> float:
    """Seconds since the epoch of Docker's RFC 3339 time with nanoseconds; 0.0 for its zero time."""
    if not text or text.startswith("0001-"):
        return 0.0
    head, _, fraction = text.rstrip("Z").partition(".")
    whole = datetime.fromisoformat(head + "+00:00").timestamp()
    return whole + float(f"0.{fraction}") if fraction else whole
