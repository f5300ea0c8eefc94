"""In which order grille_teardown goes, and which mounts are Grille's."""

from __future__ import annotations

from ansible_collections.grille.grille.plugins.modules import grille_teardown as module

MOUNTS = r"""29 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
70 29 254:1 / /var/lib/grille rw,relatime - ext4 /dev/vdb rw
71 70 7:0 / /var/lib/grille/agent/slugs/ab ro,relatime shared:9 - squashfs /dev/loop0 ro
72 70 0:51 / /var/lib/grille/agent/a\040b rw,relatime - overlay overlay rw
73 70 254:2 / /var/lib/grille/shelf rw,relatime - ext4 /dev/vdc rw
74 29 7:1 / /var/lib/grille-other ro - squashfs /dev/loop1 ro
"""


def test_guard_and_agent_go_first_and_etcd_last() -> None:
    names = ["grille-agent", "grille-etcd", "grille-guard", "grille-router", "shop-web-0a1b2c3d"]
    assert module.in_order(names) == [
        ["grille-guard"],
        ["grille-agent"],
        ["grille-router", "shop-web-0a1b2c3d"],
        ["grille-etcd"],
    ]
    assert module.in_order([]) == []


def test_only_slugs_and_overlays_below_the_folder_are_unmounted() -> None:
    assert module.mounts_below("/var/lib/grille", MOUNTS) == [
        "/var/lib/grille/agent/a b",
        "/var/lib/grille/agent/slugs/ab",
    ]
