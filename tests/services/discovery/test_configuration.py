"""What running jobs read and watch of their configuration: by token, by signed URL, the store away, keys rotated."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from grille.codec import encode
from grille.discovery.configuration import attach
from grille.service.daemon import serve
from grille.service.http import application
from grille.service.sealing import Keyring
from grille.service.tokens import Tokens
from grille.store import Mirror, Store
from grille.wire import keys
from grille.wire.configuration import ConfigVersion
from grille.wire.signing import sign
from tests.support.daemon import lay_tokens
from tests.support.etcd import EtcdServer
from tests.support.keys import lay_keys, new_key
from tests.support.ports import free_port

SHOP = "/configuration/apps/shop"


@dataclass
class Served:
    """The handlers behind a real server, and the parts that tests change."""

    url: str
    session: aiohttp.ClientSession
    store: Store
    keyring: Keyring
    keys_file: Path
    signing_key: bytes = b"a key"

    async def get(self, target: str, token: str = "deploy") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}-token"} if token else {}
        async with self.session.get(self.url + target, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def put(self, scope: str, version: int, **parts: Any) -> int:
        record = ConfigVersion(scope=scope, version=version, created=1.0, **parts)
        return await self.store.put(keys.config(scope, version), encode(record))

    def sealed(self, **secrets: str) -> dict[str, str]:
        return {name: self.keyring.seal(name, secret) for name, secret in secrets.items()}

    def signed(self, app: str = "shop") -> str:
        return sign(self.signing_key, "GET", f"/configuration/apps/{app}", time.time() + 60)


@pytest.fixture
async def served(store: Store, tmp_path: Path) -> AsyncIterator[Served]:
    keys_file = lay_keys(tmp_path / "config.keys", new_key("k1"))
    (tmp_path / "shelf.key").write_bytes(b"a key\n")
    app, mirror = application(Tokens(str(lay_tokens(tmp_path / "tokens")))), Mirror(store, keys.CONFIG)
    attach(app, mirror, str(keys_file), str(tmp_path / "shelf.key"))
    port = free_port()
    runner, task = await serve(app, "127.0.0.1", port), asyncio.create_task(mirror.run())
    await mirror.ready()
    async with aiohttp.ClientSession() as session:
        yield Served(f"http://127.0.0.1:{port}", session, store, Keyring(str(keys_file)), keys_file)
    task.cancel()
    await runner.cleanup()


async def settled(served: Served, **expected: Any) -> dict[str, Any]:
    """The document once its values are ``expected``."""
    for _ in range(100):
        status, found = await served.get(SHOP)
        if status == 200 and found["values"] == expected:
            return dict(found)
        await asyncio.sleep(0.03)
    raise AssertionError(found)


async def test_a_job_reads_all_of_its_app_and_nothing_else(served: Served) -> None:
    await served.put("shared/db", 1, values={"HOST": "db1", "NAME": "shared"}, secrets=served.sealed(DSN="x"))
    await served.put("apps/other", 1, values={"O": "1"})
    await served.put("apps/shop", 1, values={"OLD": "1"})
    await served.put("apps/shop", 2, values={"NAME": "own"}, live={"LIMIT": "5"}, shared=["db", "gone"])
    found = await settled(served, HOST="db1", NAME="own", DSN="x", LIMIT="5")
    assert found["versions"] == {"shared/db": 1, "apps/shop": 2}
    assert (await served.get(f"{SHOP}/DSN"))[1]["value"] == "x"
    assert (await served.get(served.signed(), token=""))[1]["values"] == found["values"]
    one = served.signed().replace("/shop?", "/shop/LIMIT?")
    assert (await served.get(one, token=""))[1]["value"] == "5"
    stolen = served.signed().replace("/shop?", "/other?")
    for target, token, expected in (
        (SHOP, "", (401, "unauthorized")),
        (SHOP, "read", (403, "forbidden")),
        (stolen, "", (401, "bad_signature")),
        ("/configuration/apps/none", "deploy", (404, "unknown_configuration")),
        (f"{SHOP}/NONE", "deploy", (404, "unknown_value")),
        (f"{SHOP}/a-b", "deploy", (400, "invalid")),
        (f"{SHOP}?after=x", "deploy", (400, "invalid")),
    ):
        status, problem = await served.get(target, token)
        assert (status, problem["code"]) == expected


async def test_changes_are_waited_for_and_streamed(served: Served) -> None:
    await served.put("apps/shop", 1, live={"LIMIT": "5"})
    first = await settled(served, LIMIT="5")
    waiting = asyncio.create_task(served.get(f"{SHOP}/LIMIT?after={first['revision']}&wait=10"))
    async with served.session.get(f"{served.url}{served.signed()}&watch=1") as stream:
        assert await _event(stream) == {"LIMIT": "5"}
        await served.put("apps/other", 1, values={"O": "1"})  # nobody's business here
        await served.put("apps/shop", 2, live={"LIMIT": "6"}, secrets=served.sealed(P="one"))
        assert (await waiting)[1]["value"] == "6"
        assert await _event(stream) == {"LIMIT": "6", "P": "one"}
        await served.put("apps/shop", 2, live={"LIMIT": "6"}, secrets=served.sealed(P="one"))  # sealed anew: no news
        await served.put("apps/shop", 3, live={"LIMIT": "7"})
        assert await _event(stream) == {"LIMIT": "7"}
    status, same = await served.get(f"{SHOP}?after={10**9}&wait=0.2")
    assert (status, same["values"]) == (200, {"LIMIT": "7"})


async def test_it_goes_on_while_the_store_is_away(served: Served, etcd: EtcdServer) -> None:
    await served.put("apps/shop", 1, values={"A": "1"}, secrets=served.sealed(P="one"))
    await settled(served, A="1", P="one")
    etcd.kill()
    for _ in range(100):
        status, found = await served.get(SHOP)
        assert (status, found["values"]) == (200, {"A": "1", "P": "one"})
        if found["stale"]:
            break
        await asyncio.sleep(0.05)
    assert found["stale"]
    assert found["age"] >= 0


async def test_a_missing_key_is_named_and_a_watch_outlives_it(served: Served) -> None:
    line, later = served.keys_file.read_text().strip(), new_key("k2")
    other = Keyring(str(lay_keys(served.keys_file.with_name("other"), later)))
    await served.put("apps/shop", 1, values={"A": "1"})
    await settled(served, A="1")
    async with served.session.get(f"{served.url}{served.signed()}&watch=1") as stream:
        assert await _event(stream) == {"A": "1"}
        await served.put("apps/shop", 2, secrets={"P": other.seal("P", "one")})
        assert await _event(stream, "code") == "unknown_config_key"
        status, problem = await served.get(SHOP)
        assert (status, "'k2'" in problem["detail"]) == (503, True)
        lay_keys(served.keys_file, line, later)
        await served.put("apps/shop", 3, secrets={"P": other.seal("P", "two")})
        assert await _event(stream) == {"P": "two"}


async def _event(stream: aiohttp.ClientResponse, part: str = "values") -> Any:
    """A part of the next event's data."""
    async with asyncio.timeout(5):
        while True:
            line = await stream.content.readline()
            if line.startswith(b"data: "):
                return json.loads(line[6:])[part]
