"""The blocking client against a real etcd, and the rescue tool that uses it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from grille.store import BlockingStore
from grille.wire.errors import Conflict, Unavailable
from tests.support.etcd import EtcdServer
from tests.support.ports import free_port


def test_reads_and_guarded_writes_with_failover(etcd: EtcdServer) -> None:
    store = BlockingStore([f"http://127.0.0.1:{free_port()}", etcd.url])
    revision = store.put("b/1", b"one", expect=0)
    with pytest.raises(Conflict):
        store.put("b/1", b"two", expect=0)
    store.put("b/1", b"two", expect=revision)
    entry = store.get("b/1")
    assert entry is not None
    assert entry.value == b"two"
    assert list(store.list("b/").entries) == list(store.list("").entries) == ["b/1"]


def test_nobody_answers() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        BlockingStore([f"http://127.0.0.1:{free_port()}"]).get("x")


def test_rescue_tool(etcd: EtcdServer) -> None:
    BlockingStore([etcd.url]).put("apps/hello", b"{}")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "GRILLE_ETCD": etcd.url, "PYTHONPATH": "src"}
        command = [sys.executable, "-m", "grille.store", *words]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)

    assert "apps/hello" in run("list").stdout
    assert run("get", "apps/hello").stdout == "{}\n"
    missing = run("get", "apps/none")
    assert (missing.returncode, "Traceback" in missing.stderr) == (1, False)
    assert "no key" in missing.stderr
