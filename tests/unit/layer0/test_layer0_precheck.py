"""What grille_precheck reads and concludes."""

from __future__ import annotations

import pytest
from ansible_collections.grille.grille.plugins.modules import grille_precheck as module

TCP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:094B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 0100007F:1F90 0100007F:0051 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
"""
TCP6 = """  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4714 1
   1: 0000000000000000FFFF00000100007F:1CF2 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 4715 1
"""


UDP = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref
  210: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 4716 2 0 0
  211: 0100007F:D431 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 4717 2 0 0
"""


def test_udp_sockets_are_read() -> None:
    found = module.parse_listeners(UDP, module.BOUND)
    assert found == [("127.0.0.53", 53, "4716")]
    assert module.clash(found, "127.0.0.53", 53)
    assert not module.clash(found, "10.213.0.1", 53)


def test_listeners_are_read() -> None:
    assert module.parse_listeners(TCP) == [("127.0.0.1", 2379, "4711"), ("", 80, "4712")]
    assert [one[:2] for one in module.parse_listeners(TCP6)] == [("", 443), ("127.0.0.1", 7410)]


@pytest.mark.parametrize(
    ("address", "port", "taken"),
    [
        ("127.0.0.1", 2379, True),
        ("*", 2379, True),
        ("10.213.0.1", 2379, False),
        ("10.213.0.1", 80, True),
        ("127.0.0.1", 8080, False),
    ],
)
def test_clashes(address: str, port: int, taken: bool) -> None:
    assert bool(module.clash(module.parse_listeners(TCP), address, port)) is taken


@pytest.mark.parametrize(
    ("release", "fine"),
    [
        ('ID=debian\nVERSION_ID="12"\n', True),
        ("ID=debian\nVERSION_CODENAME=sid\n", True),
        ('ID=debian\nVERSION_ID="11"\n', False),
        ('NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="24.04"\n', True),
        ('ID=ubuntu\nVERSION_ID="22.04"\n', False),
        ('ID="fedora"\nVERSION_ID=41\n', False),
        ("", False),
    ],
)
def test_operating_systems(release: str, fine: bool) -> None:
    problem = module.os_problem(*module.parse_os_release(release))
    assert (problem == "") is fine
    assert fine or "use Debian 12 or later" in problem


def test_disk() -> None:
    assert module.disk_problem("/var/lib", 100, 100 * 1024 * 1024) == ""
    assert "99 MiB free, 100 are needed" in module.disk_problem("/var/lib", 100, 100 * 1024 * 1024 - 1)
