"""down.yml on three hosts. Runs last, because it takes the grid down."""

from __future__ import annotations

from tests.grid.hosts.rig import HOSTS, Grid

LEFT = """
docker ps -aq; docker volume ls -q; docker network ls -q --filter label=grille; ip route show protocol 113
iptables-save | grep GRILLE; grep /var/lib/grille /proc/mounts; pgrep -lx 'python3|etcd|haproxy'
"""


def test_nothing_is_left(grid: Grid) -> None:
    grid.playbook("down").ok()
    assert [grid.sh(number, LEFT, check=False) for number in HOSTS] == ["", "", ""]
    assert grid.playbook("down").ok().changed == 0
