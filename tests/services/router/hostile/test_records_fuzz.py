"""Whatever lies in the store, HAProxy holds entries of valid routes alone, and a neighbour's change goes through."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grille.codec import encode
from tests.services.router.hostile.state import State, held
from tests.services.router.records import http, instance
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")
EXAMPLES, BATCH = 100, 4  # records: their product
BITS = [
    "\n",
    "\r\n",
    ";",
    "<<",
    " ",
    "\t",
    "\x00",
    "|",
    "&",
    "=",
    "%",
    "%0a",
    "#",
    "\\",
    '"',
    "'",
    "$",
    "@",
    "/",
    "..",
    "*",
]
WORDS = [
    "disable frontend web",
    "clear map #0",
    "set ssl cert",
    "http-00000",
    "add map",
    "END",
    "fuzz.example",
    "x",
    "~h2c",
]
NASTY = st.lists(st.sampled_from(BITS + WORDS) | st.text(max_size=3), max_size=5).map("".join)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | NASTY
ANYTHING = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3))
NAMES = list(json.loads(encode(http("fuzz.example", "fuzz-web"))))
SPOILT = st.dictionaries(st.sampled_from(NAMES), NASTY | ANYTHING, max_size=2)
TABLES = st.lists(SPOILT, min_size=BATCH, max_size=BATCH)
SEEN = {"refused": 0, "taken": 0}
fuzz = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def key(number: int) -> str:
    """Where a record lies."""
    return f"routes/fuzz-{number}"


async def tried(router: Router, tables: list[dict[str, Any]], before: State) -> None:
    """Put the records, look, take them away."""
    for number, table in enumerate(tables):
        good = json.loads(encode(http(f"fuzz-{number}.example", "fuzz-web", id=f"fuzz-{number}")))
        revision = await router.store.put(key(number), json.dumps(good | table).encode())
    status = await router.acknowledged(revision)
    after = await held(router)
    taken = {
        str(table.get("host") or f"fuzz-{n}.example") for n, table in enumerate(tables) if key(n) not in status.refused
    }
    SEEN["taken"] += len(taken)
    SEEN["refused"] += len(tables) - len(taken)
    assert (after.other, after.frontends) == (before.other, before.frontends)
    for name, table in after.maps.items():
        fresh = table.keys() - before.maps[name].keys()
        assert all(re.fullmatch(r"[!-~]+", f"{each}{table[each]}") for each in fresh), fresh
        assert all(each.split("/")[0] in taken for each in fresh if name == "routes"), (fresh, taken)
        assert name in ("routes", "services") or not fresh
    for number in range(len(tables)):
        await router.store.delete(key(number))


async def test_records_made_at_random(router: Router) -> None:
    await router.lay(instance("fuzz-web", "one", 9), http("steady.example", "fuzz-web"))
    before, loop = await held(router), asyncio.get_running_loop()

    def wait(work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(60)

    @fuzz
    @given(TABLES)
    def run(tables: list[dict[str, Any]]) -> None:
        wait(tried(router, tables, before))

    await asyncio.to_thread(run)
    assert SEEN["refused"] > 100
    assert SEEN["taken"] > 20
    begun = time.monotonic()
    await router.lay(http("neighbour.example", "fuzz-web"))
    assert time.monotonic() - begun < 1.0
    await router.remove(http("neighbour.example", "fuzz-web"))
    assert await held(router) == before
