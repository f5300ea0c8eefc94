"""The agent's other pure parts: container bodies and digests, log cursors, who was stopped, figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grille.host.checks import check_removable, check_right, check_spec
from grille.host.containers import Place, creation, digest
from grille.host.engine import timestamp
from grille.host.layer0 import Stops
from grille.host.logs import check_cursor, cursor_after, parse
from grille.host.machine import Cgroups, Usage, memory
from grille.host.presence import load_lease, material, save_lease
from grille.wire.errors import Forbidden, InvalidValue
from grille.wire.specs import Health, HostStatus, JobSpec, Mount, Resources, Slug

PLACE = Place(host="h1", address="10.0.0.1", network="grille")
WEB = JobSpec(
    id="shop-web-00000001",
    host="h1",
    app="shop",
    process="web",
    release=3,
    kind="service",
    image="grille/run:1",
    created=1,
    command=["start", "web", "run it"],
    slug=Slug(digest="a" * 64, size=1),
    env={"KEY": "v=1"},
    port=5000,
    resources=Resources(memory=256, cpu=0.5, pids=99),
)
BRICK = replace(
    WEB,
    critical=True,
    slug=None,
    network="host",
    capabilities=["NET_BIND_SERVICE"],
    cpu_weight=8,
    mounts=[Mount(source="/a", target="/b")],
)


def test_an_apps_container_is_confined() -> None:
    body = creation(WEB, PLACE, {})
    config = body["HostConfig"]
    assert body["User"] == "1000:1000"
    assert set(body["Env"]) > {"KEY=v=1", "PORT=5000", "GRILLE_APP=shop", "GRILLE_RELEASE=3", f"GRILLE_JOB={WEB.id}"}
    assert (config["CapDrop"], config["CapAdd"], config["SecurityOpt"]) == (["ALL"], [], ["no-new-privileges"])
    assert (config["Memory"], config["NanoCpus"], config["PidsLimit"]) == (256 * 2**20, 500_000_000, 99)
    assert "size=128m" in config["Tmpfs"]["/tmp"]
    assert (config["NetworkMode"], config["RestartPolicy"]) == ("grille", {"Name": "no"})
    assert "CpuShares" not in config
    assert [(m["Source"], m["Target"]) for m in config["Mounts"]] == [(WEB.id, "/app")]


def test_a_bricks_container_has_what_its_spec_gives_it() -> None:
    body = creation(BRICK, PLACE, {})
    config = body["HostConfig"]
    assert body["User"] == "0:0"
    assert "CapDrop" not in config
    assert config["CapAdd"] == ["NET_BIND_SERVICE"]
    assert config["CpuShares"] == 8192
    assert [(m["Type"], m["Source"], m["ReadOnly"]) for m in config["Mounts"]] == [("bind", "/a", False)]
    assert not any(line.startswith("PORT=") for line in body["Env"])


def test_the_digest_follows_what_shapes_the_container_and_nothing_else() -> None:
    same = [
        replace(WEB, created=9),
        replace(WEB, cpu_weight=8),
        replace(WEB, desired="stop"),
        replace(WEB, health=Health(type="none")),
    ]
    other = [replace(WEB, image="x"), replace(WEB, env={}), replace(WEB, command=[]), replace(WEB, port=1), BRICK]
    assert {digest(spec) for spec in same} == {digest(WEB)}
    assert len({digest(spec) for spec in [WEB, *other]}) == len(other) + 1
    assert digest(WEB) == "06c9a23c21ce2b0b", "a digest that changes replaces every brick's container"


def test_only_admins_put_or_force_what_is_the_grids_own() -> None:
    for spec in (
        BRICK,
        replace(WEB, network="host"),
        replace(WEB, capabilities=["SYS_ADMIN"]),
        replace(WEB, cpu_weight=2),
    ):
        with pytest.raises(Forbidden):
            check_right(spec, "deploy")
        check_right(spec, "admin")
    check_right(WEB, "deploy")
    check_removable(WEB, "deploy", force=False)
    check_removable(BRICK, "admin", force=True)
    for role, force in (("admin", False), ("deploy", True)):
        with pytest.raises(Forbidden) as caught:
            check_removable(BRICK, role, force)
        assert caught.value.code == "critical"


def test_a_spec_for_another_host_or_id_is_refused() -> None:
    assert check_spec(WEB, WEB.id, "h1") == WEB
    bad = [replace(WEB, host="h2"), replace(WEB, id="other"), replace(WEB, image=""), replace(WEB, port=70000)]
    bad += [replace(WEB, cpu_weight=-1), replace(WEB, cpu_weight=65)]
    for spec in bad:
        with pytest.raises(InvalidValue):
            check_spec(spec, WEB.id, "h1")


def test_docker_times_and_cursors() -> None:
    assert timestamp("0001-01-01T00:00:00Z") == 0
    assert timestamp("1970-01-01T00:01:00.5Z") == 60.5
    assert cursor_after("1970-01-01T00:01:00.999999999Z") == "61.000000000"
    line, cursor = parse("stderr", b"1970-01-01T00:01:00.25Z two words\r\n")
    assert (line.stream, line.text, line.time, cursor) == ("stderr", "two words", 60.25, "60.250000001")
    for bad in ("x", "1", "1.2.3", "1.-2", "²³.1"):
        with pytest.raises(InvalidValue):
            check_cursor(bad)


@given(st.integers(0, 2**33), st.integers(0, 999_999_998))
def test_a_cursor_is_just_after_its_line(seconds: int, nanos: int) -> None:
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{nanos:09d}Z"
    assert check_cursor(cursor_after(stamp)) == f"{seconds}.{nanos + 1:09d}"


def test_a_stop_is_told_from_a_death() -> None:
    stops, listed = Stops(), {"a": "exited", "b": "exited", "c": "running", "d": "created"}
    assert stops.note("die", "a")
    assert stops.wanted(listed) == ["a", "b"]
    stops.note("stop", "a")
    assert stops.wanted(listed) == ["b"]
    stops.note("start", "a")
    assert stops.wanted(listed) == ["a", "b"]


def test_usage_is_read_from_both_versions_of_cgroups(tmp_path: Path) -> None:
    def write(path: str, text: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    write("system.slice/docker-two.scope/cpu.stat", "usage_usec 1500000\nuser_usec 1\n")
    write("system.slice/docker-two.scope/memory.current", "4096\n")
    write("cpuacct/docker/one/cpuacct.usage", "2500000000\n")
    write("memory/docker/one/memory.usage_in_bytes", "8192\n")
    groups = Cgroups(tmp_path)
    assert groups.usage("two") == Usage(1.5, 4096)
    assert groups.usage("one") == Usage(2.5, 8192)
    assert groups.usage("none") is None
    assert groups.usage("") is None
    assert memory("MemTotal:  2048 kB\nMemAvailable:  1024 kB\nHugePages_Total:  0\n") == (2, 1)


def test_a_host_status_is_written_when_it_says_something_new() -> None:
    figures = {
        "cpus": 2,
        "load": 0.5,
        "memory_total": 1000,
        "memory_available": 500,
        "disk_total": 100,
        "disk_free": 50,
    }
    old = HostStatus(host="h1", address="a", url="u", started=1, updated=1, jobs=3, **figures)  # type: ignore[arg-type]
    assert not material(old, replace(old, updated=9, load=0.9, memory_available=450))
    for new in (
        replace(old, jobs=4),
        replace(old, memory_available=300),
        replace(old, load=3),
        replace(old, disk_free=40),
    ):
        assert material(old, new)


def test_a_lease_outlives_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    assert load_lease(path) == 0
    save_lease(path, 7587)
    assert load_lease(path) == 7587
    path.write_text("[]")
    assert load_lease(path) == 0
