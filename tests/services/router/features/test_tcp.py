"""TCP routes, with a real database behind them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.services.router.features.client import connect
from tests.services.router.features.origin import Raw
from tests.services.router.records import instance, tcp
from tests.services.router.rig import Router
from tests.support.postgres import Postgres, Session, psql

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def databases() -> Iterator[list[Postgres]]:
    """Two servers."""
    started = [Postgres("first"), Postgres("second")]
    try:
        yield [database.start() for database in started]
    finally:
        for database in started:
            database.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def port(router: Router, databases: list[Postgres]) -> AsyncIterator[int]:
    """A port whose route leads to the first server."""
    first, route = instance("store-db", "first", databases[0].port), tcp(router.tcp[0], "store-db")
    await router.lay(first, route)
    yield router.tcp[0]
    await router.remove(route, first, instance("store-db", "second", databases[1].port))


async def ask(port: int, sql: str) -> tuple[int, str]:
    """psql's exit code and output."""
    process = await asyncio.create_subprocess_exec(
        *psql(port, sql), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return int(process.returncode or 0), output.decode().strip()


async def test_a_route_is_taken_and_given_back_at_run_time(router: Router, databases: list[Postgres]) -> None:
    first, route = instance("late-db", "first", databases[0].port), tcp(router.tcp[1], "late-db")
    assert (await ask(router.tcp[1], "select 1"))[0] == 2
    await router.lay(first, route)
    assert await ask(router.tcp[1], "select 6 * 7") == (0, "42")
    assert await ask(router.tcp[1], "show cluster_name") == (0, "first")
    await router.remove(route)
    assert (await ask(router.tcp[1], "select 1"))[0] == 2
    await router.remove(first)


async def test_large_results_and_a_long_session_pass(router: Router, port: int) -> None:
    code, text = await ask(port, "select repeat('x', 8000000)")
    assert (code, len(text)) == (0, 8000000)
    session = await Session.open(port)
    for number in range(100):
        assert await session.ask(f"select length(repeat('y', {number * 1000}))") == str(number * 1000)
    await session.close()


async def test_a_transaction_outlives_changes_of_other_routes(router: Router, port: int) -> None:
    session = await Session.open(port)
    assert await session.ask("begin; select 'begun'") == "begun"
    for number in range(2, 6):
        other = tcp(router.tcp[number], "other-db")
        await router.lay(other)
        assert await session.ask(f"select {number}") == str(number)
        await router.remove(other)
    assert await session.ask("commit; select 'done'") == "done"
    await session.close()


async def test_a_deregistered_server_is_drained_and_new_sessions_go_elsewhere(
    router: Router, port: int, databases: list[Postgres]
) -> None:
    session = await Session.open(port)
    assert await session.ask("show cluster_name") == "first"
    await router.lay(instance("store-db", "second", databases[1].port))
    status = await router.remove(instance("store-db", "first", databases[0].port))
    await router.status(lambda found: found.drains.get("first") == 1)
    assert status.pid
    for _ in range(6):
        assert await ask(port, "show cluster_name") == (0, "second")
    assert await session.ask("show cluster_name") == "first"
    await session.close()
    await router.status(lambda found: "first" not in found.drains)


async def test_a_session_lives_on_when_its_route_goes(router: Router, databases: list[Postgres]) -> None:
    first, route = instance("going-db", "first", databases[0].port), tcp(router.tcp[6], "going-db")
    await router.lay(first, route)
    session = await Session.open(router.tcp[6])
    assert await session.ask("select 1") == "1"
    await router.remove(route)
    assert (await ask(router.tcp[6], "select 1"))[0] == 2
    assert await session.ask("select 2") == "2"
    await session.close()
    await router.remove(first)


@pytest.mark.parametrize("idle", [300, 3600, 86400])
async def test_the_idle_timeout_is_that_of_the_backend(router: Router, databases: list[Postgres], idle: int) -> None:
    first, route = instance("idle-db", "first", databases[0].port), tcp(router.tcp[7], "idle-db", idle_timeout=idle)
    await router.lay(first, route)
    session = await Session.open(router.tcp[7])
    assert await session.ask("select 1") == "1"
    (sessions,) = router.runtime("show sess all")
    assert f"backend=t{idle}-" in sessions
    await session.close()
    await router.remove(route, first)


async def test_bytes_pass_at_once_and_half_closed_connections_last(router: Router) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello from the server first\n")
        whole = await reader.read()  # until the client has ended its half
        await asyncio.sleep(0.3)
        writer.write(str(len(whole)).encode())

    async with Raw(script) as app:
        route = tcp(router.tcp[5], "half-db")
        await router.lay(instance("half-db", "one", app.port), route)
        async with connect(router.tcp[5]) as wire:
            async with asyncio.timeout(10):
                assert await wire.reader.readline() == b"hello from the server first\n"
            wire.send(bytes(3_000_000))
            wire.writer.write_eof()
            assert await wire.ends() == b"3000000"
        await router.remove(route)


async def test_a_route_without_an_instance_refuses(router: Router) -> None:
    route = tcp(router.tcp[4], "nothing-db")
    await router.lay(route)
    with contextlib.suppress(ConnectionError):
        async with connect(router.tcp[4]) as wire:
            assert await wire.ends(within=30) == b""
    await router.remove(route)
