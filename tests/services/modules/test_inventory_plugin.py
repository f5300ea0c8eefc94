"""The inventory plugin against a controller: hosts, variables, groups, hosts that are away, a grid that is dead."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from grille.codec import encode
from grille.store import Store
from grille.wire import keys
from grille.wire.specs import Instance, JobSpec
from tests.services.modules.rig import Grid
from tests.support.grid import Result, command

SOURCE = """
plugin: grille.grille.grille
strict: true
compose:
  tagged: grille_tags.disk ~ '!'
groups:
  busy: grille_cpus > 100000
keyed_groups:
  - {key: grille_version, prefix: version}
"""


@asynccontextmanager
async def stored(grid: Grid, key: str, record: object) -> AsyncIterator[None]:
    """A record that is in the grid's store for a while."""
    async with Store([grid.etcd.url]) as store:
        await store.put(key, encode(record))
        await asyncio.sleep(0.5)  # the controller's mirror
        try:
            yield
        finally:
            await store.delete(key)


def ask(grid: Grid, source: Path, *words: str, **environ: str) -> Result:
    """``ansible-inventory`` on a source."""
    return command("ansible-inventory", "-i", str(source), *words, env={**grid.environ, **environ})


def listed(grid: Grid, source: Path, **environ: str) -> dict[str, Any]:
    """The inventory as data."""
    out = ask(grid, source, "--list", **environ).ok().out
    return dict(json.loads(out[out.index("{") :], object_hook=_plain))


def _plain(value: dict[str, Any]) -> Any:
    """Ansible marks strings that are no templates."""
    return value["__ansible_unsafe"] if value.keys() == {"__ansible_unsafe"} else value


async def test_hosts_have_variables_and_groups(grid: Grid, tmp_path: Path) -> None:
    source = tmp_path / "grid.grille.yml"
    source.write_text(SOURCE, encoding="utf-8")
    there = Instance(id="i1", service="my-db", address="192.0.2.9", port=1, host=grid.name, created=time.time())
    async with stored(grid, keys.instance("my-db", "i1"), there):
        found = await asyncio.to_thread(listed, grid, source)
    mine = found["_meta"]["hostvars"][grid.name]
    assert mine["ansible_host"] == "127.0.0.1"
    assert mine["grille_tags"] == {"disk": "ssd", "rack": "r-1.a"}
    assert (mine["grille_state"], mine["tagged"]) == ("up", "ssd!")
    assert "my-db" in mine["grille_services"]
    assert mine["grille_cpus"] > 0
    assert mine["grille_memory_total"] > 0
    for group in ("grille_hosts", "state_up", "tag_disk_ssd", "tag_rack_r_1_a", "service_my_db"):
        assert found[group]["hosts"] == [grid.name], group
    assert any(name.startswith("version_") for name in found)
    assert "busy" not in found


async def test_a_host_with_jobs_and_no_agent_is_gone(grid: Grid, tmp_path: Path) -> None:
    source = tmp_path / "grille.yml"
    source.write_text("plugin: grille\n", encoding="utf-8")
    job = JobSpec(
        id="lost", host="away", app="no", process="x", release=1, kind="service", image="x", created=time.time()
    )
    async with stored(grid, keys.job_spec("away", "lost"), job):
        found = await asyncio.to_thread(listed, grid, source)
    assert found["state_gone"]["hosts"] == ["away"]
    assert sorted(found["grille_hosts"]["hosts"]) == sorted(["away", grid.name])
    assert found["_meta"]["hostvars"]["away"]["grille_jobs"] == 1


def test_the_cache_answers_while_the_grid_is_away(grid: Grid, tmp_path: Path) -> None:
    source = tmp_path / "grille.yml"
    cache = f"cache: true\ncache_plugin: ansible.builtin.jsonfile\ncache_connection: {tmp_path}/cache\n"
    source.write_text(f"plugin: grille.grille.grille\n{cache}", encoding="utf-8")
    first = listed(grid, source)
    grid.controller.kill()
    try:
        assert listed(grid, source)["_meta"]["hostvars"].keys() == first["_meta"]["hostvars"].keys()
        dead = ask(grid, source, "--list", "--flush-cache")
        assert "does not answer" in dead.out
    finally:
        grid.controller.start()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("controller_url: http://127.0.0.1:9", "the controller at http://127.0.0.1:9 does not answer"),
        ("token: wrong", "not one of this grid's"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(grid: Grid, tmp_path: Path, text: str, says: str) -> None:
    source = tmp_path / "grille.yml"
    source.write_text(f"plugin: grille.grille.grille\n{text}\n", encoding="utf-8")
    done = ask(grid, source, "--list")
    assert says in done.out.splitlines()[0], done.out  # what follows is how Ansible tells of any source
    assert "Traceback" not in done.out
    fatal = ask(grid, source, "--list", ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true")
    assert fatal.rc != 0
