"""The catalogue: what changed, who leads, what is laid over the store's."""

from __future__ import annotations

from grille.codec import encode
from grille.discovery.catalog import Altered, Catalog, Change, Changes, Led
from grille.discovery.query import Filter
from grille.store import Entry, Event
from grille.wire.discovery import LeaderRule, ServiceSettings
from grille.wire.specs import Instance


def instance(ident: str, created: float = 1.0, port: int = 80, zone: str = "a") -> Instance:
    return Instance(id=ident, service="web", address="10.0.0.1", port=port, created=created, metadata={"zone": zone})


def put(one: Instance, revision: int, create: int = 0) -> Event:
    return Event("put", Entry(f"services/web/{one.id}", encode(one), create or revision, revision, 1))


def gone(ident: str, revision: int) -> Event:
    return Event("delete", Entry(f"services/web/{ident}", b"", 0, revision, 0))


def settings(rule: LeaderRule, revision: int) -> Event:
    value = encode(ServiceSettings(service="web", leader=rule))
    return Event("put", Entry("services/web/.settings", value, revision, revision, 1))


def told(changes: Changes) -> list[tuple[str, str, str, int]]:
    """Kind, id before, id after, revision."""
    found = []
    for change in changes:
        match change:
            case Change(_, before, after, at):
                found.append(("change", before.instance.id if before else "", after.instance.id if after else "", at))
            case Led(_, leader, at):
                found.append(("led", "", leader.instance.id if leader else "", at))
            case Altered(_, at):
                found.append(("altered", "", "", at))
    return found


def test_changes_and_leaders() -> None:
    catalog = Catalog()
    b, a = instance("b", 2.0), instance("a", 3.0)
    assert told(catalog.apply([put(b, 5)], 5)) == [("change", "", "b", 5), ("led", "", "b", 5)]
    assert told(catalog.apply([put(a, 6)], 6)) == [("change", "", "a", 6)]
    moved = instance("b", 2.0, port=81)
    assert told(catalog.apply([put(moved, 7, create=5)], 7)) == [("change", "b", "b", 7)]
    assert catalog.apply([put(moved, 8, create=5)], 8) == [], "written again, nothing changed"
    assert catalog.instances("web") == [moved, a]
    assert told(catalog.apply([gone("b", 9)], 9)) == [("change", "b", "", 9), ("led", "", "a", 9)]
    assert told(catalog.apply([gone("a", 10)], 10)) == [("change", "a", "", 10), ("led", "", "", 10)]
    assert catalog.apply([gone("a", 11)], 11) == []
    assert catalog.services() == []
    assert catalog.revision == 11


def test_leader_is_the_oldest_then_the_first_in_the_store() -> None:
    catalog = Catalog()
    catalog.apply([put(instance("a", 9.0), 2), put(instance("b", 5.0), 8), put(instance("c", 5.0), 7)], 8)
    assert [each.id for each in catalog.instances("web")] == ["c", "b", "a"]
    assert catalog.leader("web") == instance("c", 5.0)


def test_order_holds_over_many_changes() -> None:
    catalog = Catalog()
    for number in range(500):
        catalog.apply([put(instance(f"i{number * 7 % 100:02d}", float(number * 31 % 17)), number + 1)], number + 1)
        if number % 3 == 0:
            catalog.apply([gone(f"i{number * 11 % 100:02d}", number + 1)], number + 1)
    seniority = [each.seniority for each in catalog.members("web")]
    assert seniority == sorted(seniority)
    assert len(seniority) == len({each.instance.id for each in catalog.members("web")}) > 50


def test_leaders_by_rule() -> None:
    catalog = Catalog()
    catalog.apply([put(instance("a", 1.0), 1), put(instance("b", 2.0, zone="b"), 2)], 2)
    named = LeaderRule(mode="manual", instance="b")
    assert told(catalog.apply([settings(named, 3)], 3)) == [("altered", "", "", 3), ("led", "", "b", 3)]
    assert (catalog.settings("web").leader, catalog.settings_revision("web")) == (named, 3)
    assert told(catalog.apply([gone("b", 4)], 4))[-1] == ("led", "", "", 4)
    marked = LeaderRule(mode="metadata", key="zone", value="b")
    catalog.apply([settings(marked, 5)], 5)
    assert catalog.leader("web") is None
    assert told(catalog.apply([put(instance("c", 9.0, zone="b"), 6)], 6))[-1] == ("led", "", "c", 6)
    assert told(catalog.apply([Event("delete", Entry("services/web/.settings", b"", 0, 7, 0))], 7))[-1][2] == "a"
    assert [each.id for each in catalog.instances("web")] == ["a", "c"], "settings are no instance"


def test_values_that_are_no_instances_are_left_out() -> None:
    catalog = Catalog()
    catalog.apply([put(instance("a"), 1)], 1)
    broken = Event("put", Entry("services/web/a", b'{"id": 5}', 1, 2, 2))
    others = [Event("put", Entry(key, b"x", 3, 3, 1)) for key in ("services/odd", "services/web/.settings")]
    changes = catalog.apply([broken, *others], 3)
    assert told(changes) == [("change", "a", "", 2), ("altered", "", "", 3), ("led", "", "", 3)]
    assert catalog.services() == []
    assert catalog.settings("web") == ServiceSettings(service="web")


def test_what_is_pending_covers_the_stores() -> None:
    catalog = Catalog()
    catalog.apply([put(instance("a", 1.0), 1)], 1)
    assert told(catalog.cover("web", "b", instance("b", 0.5))) == [("change", "", "b", 1), ("led", "", "b", 1)]
    assert told(catalog.cover("web", "a", None)) == [("change", "a", "", 1)]
    assert catalog.covered
    assert catalog.apply([put(instance("a", 1.0, port=81), 2, create=1)], 2) == [], "covered: not shown"
    assert told(catalog.uncover("web", "a")) == [("change", "", "a", 2)]
    assert catalog.get("web", "a") == instance("a", 1.0, port=81)
    assert told(catalog.uncover("web", "b")) == [("change", "b", "", 2), ("led", "", "a", 2)]
    assert not catalog.covered
    assert catalog.uncover("web", "b") == []


def test_what_is_told_late_is_told_as_of_now() -> None:
    catalog = Catalog()
    catalog.apply([put(instance("a"), 1), put(instance("b"), 9)], 9)
    assert told(catalog.apply([gone("b", 4)], 9)) == [("change", "b", "", 9)]


def test_when_a_service_changed() -> None:
    catalog = Catalog()
    catalog.apply([put(instance("a"), 3)], 8)
    assert (catalog.changed("web"), catalog.changed("db")) == (8, 0)
    catalog.apply([gone("a", 9)], 9)
    assert catalog.changed("web") == 9, "also when nothing is left of it"
    catalog.unseen(12)
    assert catalog.changed("db") == 12


def test_selecting() -> None:
    catalog = Catalog()
    for number in range(6):
        one = Instance(
            id=f"i{number}",
            service="web",
            address="10.0.0.1",
            port=80,
            host=f"h{number % 2}",
            created=float(number),
            protocol="tcp" if number > 3 else "http",
            metadata={"zone": "ab"[number // 3]},
        )
        catalog.apply([put(one, number + 1)], number + 1)
    members = catalog.members("web")

    def found(wanted: Filter, near: str = "") -> list[str]:
        assert all(wanted.wants(each.instance) for each in members.select(wanted))
        return [each.instance.id for each in members.select(wanted, near)]

    assert found(Filter(), "h1") == ["i1", "i3", "i5", "i0", "i2", "i4"]
    assert found(Filter(host="h0", metadata=(("zone", "b"),))) == ["i4"]
    assert found(Filter(protocol="tcp")) == ["i4", "i5"]
    assert found(Filter(metadata=(("zone", "c"),))) == []
