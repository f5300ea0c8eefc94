"""A host that drops every packet without a word: nobody waits for it after a second, and it comes back by itself."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.router.features.load import Asking, quantile
from tests.services.router.records import http, instance
from tests.services.router.rig import Router
from tests.support.network import Network

pytestmark = pytest.mark.asyncio(loop_scope="module")
SIZE, EACH = 3, 2  # hosts, and instances on each
NOTICED = 1.0  # seconds after which a silent host must be out of everybody's way
SERVE = Path(__file__).with_name("serve.py")


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    """Three hosts with two instances each, called ``<host>-<number>``."""
    made = Network(SIZE).up()
    started = []
    try:
        for host in range(SIZE):
            for number in range(EACH):
                command = [*made.inside(host), sys.executable, str(SERVE), f"{host}-{number}", str(8000 + number)]
                started.append(subprocess.Popen(command))
        yield made
    finally:
        for process in started:
            process.kill()
            process.wait()
        made.down()


async def lay(router: Router, network: Network, word: str) -> None:
    """Register all instances and their route; returns when each of them answers."""
    records = [
        instance(f"{word}-web", f"i{host}-{number}", 8000 + number, network.addresses[host], host=f"host-{host}")
        for host in range(SIZE)
        for number in range(EACH)
    ]
    await router.lay(*records, http(f"{word}.example", f"{word}-web"))
    await all_answer(router, f"{word}.example")


async def all_answer(router: Router, host: str, timeout: float = 30) -> None:
    """Wait until every instance takes requests."""
    missing = {f"{number}-{each}" for number in range(SIZE) for each in range(EACH)}
    end = time.monotonic() + timeout
    while missing:
        missing -= {(await router.get(host))[1]}
        assert time.monotonic() < end, f"never answered: {missing}"
        await asyncio.sleep(0.02)


async def test_a_silent_host_is_out_after_a_second_and_back_by_probe(router: Router, network: Network) -> None:
    await lay(router, network, "silent")
    async with Asking(router.http, "silent.example", clients=16, pause=0.05, timeout=60) as asking:
        await asyncio.sleep(2.0)
        quiet = [took for _, took in asking.seconds]
        network.cut(0)
        cut = time.monotonic()
        try:
            await asyncio.sleep(6.0)
        finally:
            network.mend(0)
        mended = time.monotonic()
        await all_answer(router, "silent.example")
        back = time.monotonic()
        await asyncio.sleep(1.0)
    late = [took for begun, took in asking.seconds if cut + NOTICED <= begun < mended]
    assert [failure for failure in asking.failed if not cut <= failure[0] < cut + NOTICED] == []
    assert len(late) > 200
    assert max(late) < 1.0, sorted(late)[-5:]
    assert quantile(late, 0.99) < max(0.25, 5 * quantile(quiet, 0.99))
    answered = {body for body in asking.bodies(cut + NOTICED) if body.startswith("0-")}
    assert answered == {"0-0", "0-1"}
    assert back - mended < 15


async def test_requests_that_wait_for_a_silent_host_are_answered_elsewhere(router: Router, network: Network) -> None:
    """A GET that a silent host has, or is about to get, is not failed, only slow."""
    await lay(router, network, "moved")
    network.cut(1)
    try:
        begun = time.monotonic()
        replies = await asyncio.gather(*(router.get("moved.example") for _ in range(60)))
        took = time.monotonic() - begun
    finally:
        network.mend(1)
    assert {status for status, _ in replies} == {200}
    assert not [body for _, body in replies if body.startswith("1-")]
    assert took < 10


async def test_one_dead_neighbour_host_slows_no_app_elsewhere(router: Router, network: Network) -> None:
    await router.lay(instance("lone-web", "lone", 8000, network.addresses[2]), http("lone.example", "lone-web"))
    await lay(router, network, "mixed")
    async with Asking(router.http, "lone.example", clients=4) as lone, Asking(router.http, "mixed.example", clients=8):
        await asyncio.sleep(0.5)
        network.cut(0)
        try:
            await asyncio.sleep(2.0)
        finally:
            network.mend(0)
    assert lone.failed == []
    assert max(took for _, took in lone.seconds) < 1.0
