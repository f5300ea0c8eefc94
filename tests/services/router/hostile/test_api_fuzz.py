"""Routes as anybody may send them to the controller: a problem of one line, or stored and harmless to a real router."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.controller.rig import controller, until
from tests.services.router.hostile.state import held
from tests.services.router.hostile.test_records_fuzz import ANYTHING, BITS, NASTY, WORDS
from tests.services.router.rig import Router
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer
from tests.support.keys import lay_keys, new_key

pytestmark = pytest.mark.asyncio(loop_scope="module")
NAMES = (
    "host",
    "path",
    "app",
    "process",
    "kind",
    "port",
    "targets",
    "headers",
    "redirect",
    "limits",
    "sticky",
    "weight",
)
GOOD = {"host": "api.example", "path": "/", "app": "api", "process": "web"}
BODIES = st.dictionaries(st.sampled_from(NAMES), NASTY | ANYTHING, max_size=3).map(lambda table: {**GOOD, **table})
IDENTS = st.just("api") | st.lists(st.sampled_from(BITS + WORDS), min_size=1, max_size=4).map("".join)
fuzz = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def daemon(etcd: EtcdServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A controller on the router's store."""
    folder: Path = tmp_path_factory.mktemp("controller")
    lay_keys(folder / "config.keys", new_key("k1"))
    running = controller(folder, etcd.url)
    running.start()
    yield running
    running.stop()
    assert "Traceback" not in running.log


@pytest_asyncio.fixture(loop_scope="module")
async def app(daemon: Daemon) -> AsyncIterator[str]:
    """An app to route to."""

    async def made() -> bool:
        return (await asyncio.to_thread(daemon.call, "PUT", "/apps/api", b"{}")).status in (200, 201)

    await until("the controller has read the store", made)
    yield "api"


async def test_routes_made_at_random(router: Router, daemon: Daemon, app: str) -> None:
    before = await held(router)
    taken: list[str] = []

    def put(ident: str, body: dict[str, Any]) -> None:
        path = f"/routes/{quote(ident, safe='')}"
        answer = daemon.call("PUT", path, json.dumps(body).encode())
        if answer.status < 300:
            taken.append(json.dumps(body))
            daemon.call("DELETE", path)
            return
        assert 400 <= answer.status < 500, (ident, body, answer.body)
        assert answer.headers.get_content_type() == "application/problem+json"
        detail = answer.json["detail"]
        assert detail
        assert not re.search(r"[\x00-\x1f\x7f]", detail), detail

    @fuzz
    @given(IDENTS, BODIES)
    def run(ident: str, body: dict[str, Any]) -> None:
        put(ident, body)

    await asyncio.to_thread(run)
    await asyncio.to_thread(put, "api", GOOD)
    assert json.dumps(GOOD) in taken
    await router.acknowledged(await router.store.delete("routes/none"))
    await router.status(lambda status: status.revision > 0)
    after = await held(router)
    assert (after.maps["routes"], after.other, after.frontends) == (
        before.maps["routes"],
        before.other,
        before.frontends,
    )
    assert (await router.status(lambda status: True)).refused == {}
