"""Three hosts laid by site.yml: nothing changes the second time, and containers are reached from the other hosts."""

from __future__ import annotations

import json

from tests.grid.hosts.conftest import COUNT
from tests.grid.hosts.rig import HOSTS, Grid, until

CHAIN = "GRILLE-grille"


def test_second_run_changes_nothing(grid: Grid) -> None:
    assert grid.playbook("site").ok().changed == 0


def test_each_router_reaches_the_instances_of_all_hosts(grid: Grid, app: str) -> None:
    running = grid.containers(app)
    for number in HOSTS:
        answers = [json.loads(grid.get(number, app)[1]) for _ in range(4 * COUNT)]
        assert {answer["instance"] for answer in answers} == set(running)


def test_jobs_resolve_and_reach_one_another_across_hosts(grid: Grid, app: str) -> None:
    fetch = (
        f"import urllib.request as u; print(u.urlopen('http://{{}}.{app}-web.grille:5000/', timeout=5).read().decode())"
    )
    names = sorted(grid.containers(app))
    for number in HOSTS:
        inside = next(iter(grid.containers(app, (number,))))
        for name in names:
            answer = grid.sh(number, f'docker exec {inside} python3 -c "{fetch.format(name)}"')
            assert json.loads(answer)["instance"] == name


def test_flushed_routes_and_rules_return(grid: Grid, app: str) -> None:
    before = grid.sh(1, "ip route show protocol 113; iptables -S; iptables -t raw -S")
    assert before.count(CHAIN) == 2 * (1 + 1 + 2)  # in each table the chain, the jump, a rule for each neighbour
    grid.sh(1, f"iptables -D DOCKER-USER -j {CHAIN}; iptables -F {CHAIN}; iptables -t raw -F PREROUTING")
    grid.sh(1, "ip route show protocol 113 | while read line; do ip route del $line; done")
    until(
        "all is laid again",
        lambda: grid.sh(1, "ip route show protocol 113; iptables -S; iptables -t raw -S") == before,
        45,
    )


def test_an_engine_that_drops_direct_access_is_overruled(grid: Grid, app: str) -> None:
    """Docker Engine 28 and later append such rules, one a container."""
    drop = "iptables -t raw -{} PREROUTING -d 10.213.2.0/24 ! -i grille0 -j DROP"
    grid.sh(2, drop.format("A"))
    try:
        theirs = set(grid.containers(app, (2,)))
        answers = [json.loads(grid.get(1, app)[1])["instance"] for _ in range(4 * COUNT)]
        assert theirs <= set(answers)
    finally:
        grid.sh(2, drop.format("D"))
