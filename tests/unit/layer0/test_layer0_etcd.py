"""What is decided about etcd's members: which majority is left, who is defragmented when, what a name means."""

from __future__ import annotations

import pytest
from ansible_collections.grille.grille.plugins.module_utils import grille_etcd as etcd
from ansible_collections.grille.grille.plugins.modules import grille_etcd_defragment as defragment
from ansible_collections.grille.grille.plugins.modules import grille_etcd_member as member

MIB = 1024 * 1024


def one(name: str, *, healthy: bool = True, learner: bool = False, leader: bool = False, free: int = 0) -> etcd.Member:
    """A member; ``free`` is the MiB that it could give back."""
    return etcd.Member(
        id=f"id-{name}",
        name=name,
        peer_urls=[f"https://{name}:2380"],
        learner=learner,
        url=f"https://{name}:2379",
        healthy=healthy,
        leader=leader,
        db_size=10 * MIB,
        db_used=(10 - free) * MIB,
    )


@pytest.mark.parametrize(
    ("well", "ill", "leaving", "missing"),
    [
        ("a", "", "a", 1),  # nobody is left
        ("abc", "", "a", 0),
        ("ab", "c", "c", 0),  # the dead one
        ("ab", "c", "a", 1),  # of two that stay, one is dead
        ("a", "bc", "c", 1),
        ("abcd", "e", "a", 0),
        ("abc", "de", "a", 1),
        ("ab", "cde", "e", 1),
    ],
)
def test_a_majority_must_be_left(well: str, ill: str, leaving: str, missing: int) -> None:
    members = [one(name) for name in well] + [one(name, healthy=False) for name in ill]
    assert etcd.lacking(members, f"id-{leaving}") == missing


def test_learners_are_no_part_of_a_majority() -> None:
    members = [one("a"), one("b"), one("c", healthy=False), one("d", learner=True)]
    assert etcd.lacking(members, "id-a") == 1
    assert etcd.lacking(members, "id-c") == 0


def test_a_member_without_a_name_goes_by_its_address() -> None:
    nameless = etcd.Member("1", "", ["https://c:2380"])
    assert nameless.goes_by("c", "https://c:2380")
    assert not nameless.goes_by("c")
    assert not nameless.goes_by("d", "https://d:2380")
    assert not one("a").goes_by("c", "https://a:2380")


def test_an_endpoint_may_be_with_tls_or_without() -> None:
    assert etcd.either("10.0.0.1:2379") == ["https://10.0.0.1:2379", "http://10.0.0.1:2379"]
    assert etcd.either("https://10.0.0.1:2379") == ["https://10.0.0.1:2379"]


def test_the_leader_is_defragmented_last_and_only_what_is_worth_it() -> None:
    members = [one("a", leader=True, free=5), one("c", free=5), one("b", free=2), one("d", free=0)]
    assert [each.name for each in defragment.in_order(members, 1.0)] == ["b", "c", "a"]
    assert [each.name for each in defragment.in_order(members, 3.0)] == ["c", "a"]


def test_nothing_is_defragmented_while_another_member_is_ill() -> None:
    members = [one("a"), one("b", healthy=False)]
    with pytest.raises(etcd.EtcdError, match="b must be well"):
        defragment.refuse_ill(members, force=False)
    defragment.refuse_ill(members, force=True)


def test_members_are_told_in_order() -> None:
    assert member.told([one("b", learner=True), one("a")]) == "a https://a:2380\nb https://b:2380 learner\n"
