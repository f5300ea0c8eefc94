"""Hosts powered off and cut off under requests; all of them powered off and on again."""

from __future__ import annotations

import time

from tests.grid.hosts.conftest import COUNT
from tests.grid.hosts.rig import HOSTS, Grid, failures, report, until
from tests.lab.inventory import DOMAIN

LEASE = 15.0
HEAL = 90.0  # the lease, 10 s of grace for a host that is gone, the start of what it had, on a busy machine
OFF, REST = 2, (1, 3)
CUT, OTHERS = 3, (1, 2)


def _healed(grid: Grid, app: str, hosts: tuple[int, ...]) -> float:
    """The seconds until ``hosts`` run all instances and find them."""
    took = until(f"all instances run on {hosts}", lambda: len(grid.containers(app, hosts)) == COUNT, HEAL)
    for number in hosts:
        until(f"{number} finds them", lambda n=number: len(grid.instances(app, n)) == COUNT, 30)
    return took


def _settled(grid: Grid, app: str) -> None:
    """Exactly the wanted instances run, and all hosts find the same."""
    until("no instance too many or too few runs", lambda: len(grid.containers(app)) == COUNT, 60)
    for number in HOSTS:
        until(f"{number} finds what runs", lambda n=number: grid.instances(app, n) == set(grid.containers(app)), 60)


def test_powered_off_host_is_replaced(grid: Grid, app: str) -> None:
    assert grid.spread(app)[OFF] > 0
    with grid.load(app, *REST) as loads:
        time.sleep(2)
        off = time.monotonic()
        grid.lab.kill(OFF)
        took = _healed(grid, app, REST)
        time.sleep(2)
        healed = time.monotonic()
        grid.lab.start(OFF)
        until("its router answers", lambda: grid.get(OFF, app)[0] == 200, 60)
        _settled(grid, app)
    report(f"host {OFF} off, all replaced after {took:.1f} s, on again", loads)
    # Requests on their way to the host when the power goes are lost, and those on connections kept to it.
    assert failures(loads, off, off + LEASE + 5) <= 0.02 * sum(load.sent for load in loads.values())
    assert failures(loads, off + LEASE + 5, healed) == 0
    assert failures(loads, healed, time.monotonic()) == 0


def test_partitioned_host_serves_by_itself_and_leaves_no_duplicate(grid: Grid, app: str) -> None:
    assert grid.spread(app)[CUT] > 0
    ask = f"curl -s -m 5 -o /dev/null -w '%{{http_code}}' -H 'Host: {app}.{DOMAIN}' http://127.0.0.1/"
    with grid.load(app, *OTHERS) as loads:
        time.sleep(2)
        grid.lab.cut(CUT)
        cut = time.monotonic()
        took = _healed(grid, app, OTHERS)
        assert [grid.sh(CUT, ask) for _ in range(20)] == ["200"] * 20
        mended = time.monotonic()
        grid.lab.mend(CUT)
        _settled(grid, app)
    report(f"host {CUT} cut off, replaced after {took:.1f} s, back", loads)
    assert failures(loads, cut, cut + LEASE + 5) <= 0.02 * sum(load.sent for load in loads.values())
    assert failures(loads, cut + LEASE + 5, mended) == 0
    assert failures(loads, mended, time.monotonic()) == 0


def test_all_hosts_off_and_on(grid: Grid, app: str) -> None:
    grid.lab.kill(*HOSTS)
    time.sleep(2)
    grid.lab.start(*HOSTS)
    on = time.monotonic()
    for number in HOSTS:
        until(f"the app answers through router {number}", lambda n=number: grid.get(n, app)[0] == 200, 90)
    print(f"the app answers through all routers {time.monotonic() - on:.1f} s after Docker's start")
    _settled(grid, app)
    until("a controller leads", lambda: grid.control("/status")["leader"], 60)
    grid.scale(app, COUNT + 1)
    until("the grid takes work", lambda: len(grid.containers(app)) == COUNT + 1, 60)
    grid.scale(app, COUNT)
    _settled(grid, app)
