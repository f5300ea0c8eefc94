"""TLS with client certificates against a real etcd; certificates renewed on disk are used without a restart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grille.store import BlockingStore, Store
from grille.wire.errors import InvalidValue, Unavailable
from tests.support.authority import Authority
from tests.support.etcd import EtcdServer


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "right"
    folder.mkdir()
    return Authority(folder)


@pytest.fixture
def secured(authority: Authority) -> Iterator[EtcdServer]:
    server = EtcdServer(authority=authority).start()
    yield server
    server.stop()


@pytest.fixture
def foreign(authority: Authority, tmp_path: Path) -> tuple[str, str, str]:
    """The right authority with a client's certificate of another one, which the server refuses."""
    folder = tmp_path / "wrong"
    folder.mkdir()
    return (authority.ca, *Authority(folder).issue("client"))


async def test_reads_writes_and_watches(secured: EtcdServer, authority: Authority) -> None:
    tls = authority.client()
    async with Store([secured.url], tls=tls) as store:
        revision = await store.put("a", b"1", expect=0)
        async for line in store.watch("a", "b", revision):
            if line.events:
                assert line.events[0].entry.value == b"1"
                break
    blocking = BlockingStore([secured.url], tls=tls)
    blocking.put("a", b"2", expect=revision)
    assert [entry.value for entry in blocking.list("").entries.values()] == [b"2"]


async def test_without_the_right_certificate(
    secured: EtcdServer, authority: Authority, foreign: tuple[str, str, str], tmp_path: Path
) -> None:
    async with Store([secured.url], tls=foreign) as store:
        with pytest.raises(Unavailable):
            await store.get("a")
    with pytest.raises(Unavailable):
        BlockingStore([secured.url], tls=foreign).get("a")
    stranger = (str(Path(foreign[1]).parent / "ca.crt"), *authority.client()[1:])
    async with Store([secured.url], tls=stranger) as store:
        with pytest.raises(Unavailable, match="certificate verify failed"):
            await store.get("a")


async def test_renewed_files_are_used(secured: EtcdServer, authority: Authority, foreign: tuple[str, str, str]) -> None:
    blocking = BlockingStore([secured.url], tls=foreign)
    async with Store([secured.url], tls=foreign) as store:
        with pytest.raises(Unavailable):
            await store.get("a")
        with pytest.raises(Unavailable):
            blocking.get("a")
        cert, key = authority.issue("renewed")
        shutil.copy(cert, foreign[1])
        with pytest.raises(Unavailable):  # half of it: the key is the old one still
            await store.get("a")
        shutil.copy(key, foreign[2])
        assert await store.get("a") is None
        assert blocking.get("a") is None


@pytest.mark.parametrize("kind", [Store, BlockingStore])
def test_files_that_cannot_be_used(kind: type[Store] | type[BlockingStore], tmp_path: Path) -> None:
    missing = str(tmp_path / "none.crt")
    with pytest.raises(InvalidValue, match=r"none\.crt.*GRILLE_ETCD_CA"):
        kind(["https://127.0.0.1:1"], tls=(missing, missing, missing))


def test_rescue_tool(secured: EtcdServer, authority: Authority) -> None:
    ca, cert, key = authority.client()
    BlockingStore([secured.url], tls=(ca, cert, key)).put("apps/hello", b"{}")

    def run(**files: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "GRILLE_ETCD": secured.url, "PYTHONPATH": "src", **files}
        command = [sys.executable, "-m", "grille.store", "get", "apps/hello"]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)

    assert run(GRILLE_ETCD_CA=ca, GRILLE_ETCD_CERT=cert, GRILLE_ETCD_KEY=key).stdout == "{}\n"
    wrong = run(GRILLE_ETCD_CA=ca, GRILLE_ETCD_CERT=cert, GRILLE_ETCD_KEY=f"{key}.none")
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (1, 1), wrong.stderr
