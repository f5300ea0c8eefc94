"""grille_etcd_info, grille_etcd_member and grille_etcd_defragment with real members, with TLS."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.authority import Authority
from tests.support.etcd import EtcdServer
from tests.support.modules import run_module

JOINS = ["env", "ETCD_INITIAL_CLUSTER_STATE=existing"]


class Cluster:
    """Members on loopback, and the modules asked about them with a client's certificate."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.alpha = EtcdServer("alpha", authority=self.authority)
        self.bravo = EtcdServer("bravo", authority=self.authority, inside=JOINS)
        self.tls = dict(zip(("ca", "cert", "key"), self.authority.client(), strict=True))

    def ask(self, module: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """The result of a module that asks both members."""
        endpoints = [server.url.rpartition("/")[2] for server in (self.alpha, self.bravo)]
        return run_module(module, check, **{"endpoints": endpoints, **self.tls, **arguments})

    def bring(self, state: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """Bring ``bravo`` to ``state``."""
        wanted = {"name": "bravo", "peer_url": self.bravo.peer, **arguments}
        return self.ask("grille_etcd_member", check, state=state, **wanted)

    def join(self) -> None:
        """Let ``bravo`` become a member with a vote."""
        self.bravo.members = self.bring("learner")["initial_cluster"]
        self.bravo.start()
        assert self.bring("voter")["actions"] == ["given a vote"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """One member that runs, and one that could join."""
    made = Cluster(tmp_path)
    try:
        made.alpha.start()
        yield made
    finally:
        made.bravo.stop()
        made.alpha.stop()


def test_info(cluster: Cluster) -> None:
    seen = cluster.ask("grille_etcd_info")
    (alpha,) = seen["members"]
    assert (alpha["name"], alpha["healthy"], alpha["leader"], alpha["learner"]) == ("alpha", True, True, False)
    assert (alpha["url"], alpha["peer_urls"]) == (cluster.alpha.url, [cluster.alpha.peer])
    assert seen["healthy"] == ["alpha"]
    assert [end.rpartition("/")[2] for end in seen["silent"]] == [cluster.bravo.url.rpartition("/")[2]]

    none = cluster.ask("grille_etcd_info", ca="/nonexistent")
    assert (none["members"], none["healthy"]) == ([], [])
    assert any("this host has none yet" in why for why in none["silent"].values())


def test_a_member_joins_and_leaves(cluster: Cluster) -> None:
    would = cluster.bring("learner", check=True)
    assert (would["changed"], would["actions"]) == (True, ["added as a learner"])
    assert len(cluster.ask("grille_etcd_info")["members"]) == 1

    added = cluster.bring("learner")
    assert added["initial_cluster"] == f"alpha={cluster.alpha.peer},bravo={cluster.bravo.peer}"
    assert added["diff"]["after"].endswith(f"bravo {cluster.bravo.peer} learner\n")
    again = cluster.bring("learner")
    assert (again["changed"], again["initial_cluster"]) == (False, added["initial_cluster"])
    slow = cluster.bring("voter", wait_timeout=0.5)
    assert slow["failed"], "it has not even started"
    assert "in sync with leader" in slow["msg"]

    cluster.bravo.members = added["initial_cluster"]
    cluster.bravo.start()
    assert cluster.bring("voter")["actions"] == ["given a vote"]
    assert not cluster.bring("voter")["changed"]
    assert sorted(cluster.ask("grille_etcd_info")["healthy"]) == ["alpha", "bravo"]

    assert cluster.bring("absent", check=True)["changed"]
    assert cluster.bring("absent")["actions"] == ["removed"]
    assert not cluster.bring("absent")["changed"]
    assert [one["name"] for one in cluster.ask("grille_etcd_info")["members"]] == ["alpha"]


def test_what_would_cost_the_quorum_is_refused(cluster: Cluster) -> None:
    alone = cluster.bring("absent", name="alpha", peer_url=None)
    assert alone["failed"]
    assert "only member" in alone["msg"]
    cluster.join()
    cluster.bravo.freeze()
    refused = cluster.bring("absent", name="alpha", peer_url=None)
    assert refused["failed"]
    assert "without alpha the store would lose its quorum: bravo must be well first" in refused["msg"]
    cluster.bravo.thaw()


def test_no_member_answers(cluster: Cluster) -> None:
    cluster.alpha.kill()
    failed = cluster.bring("learner")
    assert failed["msg"].startswith("no member of the store answers: https://127.0.0.1:")
    assert "\n" not in failed["msg"]


def test_a_member_moves(cluster: Cluster) -> None:
    moved = cluster.bring("voter", name="alpha", peer_url="https://127.0.0.1:1")
    assert moved["actions"] == [f"moved from {cluster.alpha.peer}"]
    assert cluster.ask("grille_etcd_info")["members"][0]["peer_urls"] == ["https://127.0.0.1:1"]
    assert not cluster.bring("voter", name="alpha", peer_url="https://127.0.0.1:1")["changed"]


def _free(member: EtcdServer) -> int:
    """The bytes of its file that a member counts as free."""
    status = member.ask("/v3/maintenance/status", {})
    return int(status["dbSize"]) - int(status.get("dbSizeInUse", 0))


def _wait_until_free(member: EtcdServer, size: int) -> None:
    """Wait until ``size`` bytes are: what a compaction leaves is counted when later writes are committed."""
    end = time.monotonic() + 15
    while _free(member) < size:
        assert time.monotonic() < end, "the compaction left nothing"
        member.ask("/v3/kv/put", {"key": "Yg==", "value": ""})
        time.sleep(0.1)


def test_defragmentation(cluster: Cluster) -> None:
    assert cluster.ask("grille_etcd_defragment")["freed"] == {}
    value = base64.b64encode(bytes(900_000)).decode()
    for _ in range(4):
        last = cluster.alpha.ask("/v3/kv/put", {"key": "YQ==", "value": value})["header"]["revision"]
    cluster.alpha.ask("/v3/kv/compaction", {"revision": last, "physical": True})
    _wait_until_free(cluster.alpha, 1_000_000)
    would = cluster.ask("grille_etcd_defragment", check=True)
    assert would["freed"]["alpha"] > 1_000_000
    done = cluster.ask("grille_etcd_defragment")
    assert (done["changed"], list(done["freed"])) == (True, ["alpha"])
    assert not cluster.ask("grille_etcd_defragment")["changed"]
    assert cluster.alpha.ask("/v3/kv/range", {"key": "YQ=="})["kvs"][0]["value"] == value
