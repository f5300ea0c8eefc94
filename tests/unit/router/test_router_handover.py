"""When another HAProxy has to take over, and how its supervisor is asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from grille.router.handover import SOCKET, Handovers, needed, structure_of
from grille.router.model import Actual
from grille.router.saved import Structure

PRESENT = Structure({"http": 100, "t300": 10})


def test_a_structure_that_does_is_kept() -> None:
    assert needed(PRESENT, [f"http-{n:05d}" for n in range(95)], [], False) == (PRESENT, "")
    assert needed(Structure({"http": 1}, True), [], [], False)[1] == ""


def test_a_pool_that_runs_short_is_doubled_before_it_is_empty() -> None:
    wanted, reason = needed(PRESENT, [f"http-{n:05d}" for n in range(96)], [], False)
    assert wanted.pools == {"http": 200, "t300": 10}
    assert reason == "pool http: 96 of 100 backends wanted, 200 from now on"


def test_whoever_found_no_backend_is_counted() -> None:
    wanted, reason = needed(PRESENT, [f"t300-{n:05d}" for n in range(10)], [f"db{n}~t300" for n in range(40)], False)
    assert wanted.pools == {"http": 100, "t300": 100}
    assert "50 of 10" in reason


def test_the_first_route_that_passes_tls_through_needs_another_haproxy() -> None:
    wanted, reason = needed(PRESENT, [], [], True)
    assert wanted == Structure(PRESENT.pools, True)
    assert reason


def test_memory_that_haproxy_does_not_give_back_ends_with_it() -> None:
    assert needed(PRESENT, [], [], False, 4999) == (PRESENT, "")
    assert needed(PRESENT, [], [], False, 5000) == (
        PRESENT,
        "5000 certificates were removed, whose memory HAProxy gives back only when it ends",
    )


def test_the_structure_is_read_from_what_haproxy_holds() -> None:
    actual = Actual(backends={"http-00000": {}, "http-00001": {}, "zip-00000": {}})
    assert structure_of(actual, Structure({"http": 9}, True)) == Structure({"http": 2, "zip": 1}, True)


async def test_the_supervisor_is_asked_and_its_no_is_no(tmp_path: Path) -> None:
    asked = []

    async def supervisor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(json.loads(await reader.readline()))
        ok = len(asked) == 1
        writer.write(json.dumps({"ok": ok, "pid": 7, "error": "" if ok else "no memory"}).encode() + b"\n")
        writer.close()

    server = await asyncio.start_unix_server(supervisor, tmp_path / SOCKET)
    handovers = Handovers(tmp_path)
    assert handovers.due()
    assert await handovers.ask("pool http: 96 of 100")
    assert asked == [{"do": "handover", "reason": "pool http: 96 of 100", "keep": True}]
    assert not await handovers.ask("again")
    assert (handovers.count, handovers.reason) == (1, "pool http: 96 of 100")
    assert not handovers.due()
    server.close()
    assert not await handovers.ask("nobody there")
