"""The leader's pure parts: transactions, old releases, absence, events."""

from __future__ import annotations

from dataclasses import replace

from grille.codec import encode
from grille.controller.carry.absence import Absence
from grille.controller.carry.collect import old_releases
from grille.controller.carry.writes import MOST, Writer, rewritten, with_logs
from grille.controller.events import event
from grille.controller.planner import DeleteApp, SetDeployment, SetTicket, StartJob
from grille.controller.records import Changed, Records
from grille.store import Entry, Event, Put
from grille.wire import keys
from grille.wire.routing import AppRouting, Route, RouterStatus, Target
from grille.wire.specs import App, Formation, HostStatus, JobSpec, Release, Ticket

TICKET = Ticket(id="t", queue="services", app="shop", created=1.0, payload={"release": 2, "previous": 1})
SPEC = JobSpec(id="j", host="h", app="shop", process="web", release=2, kind="service", image="i", created=1.0)


def known(**stored: object) -> Records:
    """Records by key (``__`` for a slash), with revisions 5, 6, …"""
    records = Records()
    for number, (key, record) in enumerate(stored.items(), 5):
        records.apply(Event("put", Entry(key.replace("__", "/"), encode(record), 1, number, 1)))
    return records


def test_actions_are_guarded_by_what_was_planned_upon() -> None:
    records = known(queue__services__t=TICKET, formations__shop=Formation(app="shop", release=1))
    (start,) = Writer(records).transactions(StartJob(SPEC, SetTicket(TICKET, TICKET)))
    assert [(check.key, check.mod_revision) for check in start.checks] == [
        ("jobs/h/j/spec", 0),
        ("queue/services/t", 5),
    ]
    former = records.formations["shop"]
    (same,) = Writer(records).transactions(SetDeployment(TICKET, TICKET, former, former))
    assert ([check.mod_revision for check in same.checks], len(same.writes)) == ([5, 6], 1)
    (gone,) = Writer(records).transactions(SetDeployment(TICKET, TICKET, former, None))
    assert [type(write).__name__ for write in gone.writes] == ["Put", "Delete"]


def test_log_lines_change_what_is_written_and_not_the_guard() -> None:
    (made,) = Writer(known(queue__services__t=TICKET)).transactions(SetTicket(TICKET, TICKET))
    after = rewritten(made, with_logs(TICKET, ["last words"]))
    assert after.checks == made.checks
    assert isinstance(after.writes[0], Put)
    assert b"last words" in after.writes[0].value


def test_a_destroyed_app_goes_with_its_tickets_and_one_that_failed_without() -> None:
    numbers = range(MOST + 1)
    tickets = {f"queue__builds__b{n}": Ticket(id=f"b{n}", queue="builds", app="shop", created=1.0) for n in numbers}
    route = Route(id="r", host="h", service="shop-web", created=1.0, app="shop")
    doomed = known(apps__shop=App(name="shop", created=1.0, destroying=True), routes__r=route, **tickets)
    made = Writer(doomed).transactions(DeleteApp("shop"))
    assert [len(one.writes) for one in made] == [MOST, 1, 6]
    assert all(one.checks[0].mod_revision == 5 for one in made)
    (last,) = Writer(known(apps__shop=App(name="shop", created=1.0), **tickets)).transactions(DeleteApp("shop"))
    own = {keys.app("shop"), "releases/shop/", keys.formation("shop"), keys.routing_app("shop")}
    assert {write.key for write in last.writes} == own


def test_old_releases_are_those_that_nothing_needs() -> None:
    stored: dict[str, object] = {
        keys.release("shop", version): Release(app="shop", version=version, created=1.0) for version in range(1, 16)
    }
    stored["formations/shop"] = Formation(app="shop", release=1)
    stored["queue/services/t"] = TICKET
    stored["jobs/h/j/spec"] = replace(SPEC, release=3)
    records = Records()
    for key, record in stored.items():
        records.apply(Event("put", Entry(key, encode(record), 1, 5, 1)))
    assert old_releases(records) == [("shop", 4), ("shop", 5)]


def test_absence_begins_when_it_is_first_seen_and_anew_after_it_was_forgotten() -> None:
    absence = Absence()
    absence.update({"a", "b"}, {"b"}, 10.0)
    absence.update({"a", "b"}, {"b"}, 20.0)
    assert absence.since == {"a": 10.0}
    absence.forget()
    absence.update({"a", "b"}, {"b"}, 30.0)
    assert absence.since == {"a": 30.0}
    absence.update({"a", "b"}, {"a", "b"}, 40.0)
    assert absence.since == {}


def test_a_record_that_turns_unreadable_is_left_out_and_still_guarded() -> None:
    records = known(apps__shop=App(name="shop", created=1.0))
    records.apply(Event("put", Entry("apps/shop", b"{", 1, 9, 2)))
    assert records.apps == {}
    assert records.revision("apps/shop") == 9


def test_a_host_that_only_measures_itself_is_no_event() -> None:
    fields = dict.fromkeys(("started", "updated", "load"), 1.0) | dict.fromkeys(
        ("cpus", "memory_total", "memory_available", "disk_total", "disk_free", "jobs"), 1
    )
    before = HostStatus(host="h", address="a", url="u", **fields)  # type: ignore[arg-type]
    after = HostStatus(host="h", address="a", url="u", **{**fields, "load": 2.0})  # type: ignore[arg-type]
    assert event(Changed("host", "h", before, after)) is None
    assert event(Changed("host", "h", before, None)) == (
        "host",
        {"change": "deleted", "host": "h", "address": "a", "url": "u"},
    )


def test_what_routes_do_is_an_event_and_what_routers_do_only_when_one_hands_over() -> None:
    before = Route(id="r", host="h", service="shop-web", created=1.0, app="shop")
    after = replace(before, targets=[Target(service="next-web", weight=10)])
    told = event(Changed("route", "r", before, after))
    assert told is not None
    assert (told[0], told[1]["change"], told[1]["targets"]) == ("route", "set", [{"service": "next-web", "weight": 10}])
    pages = event(Changed("routing", "shop", None, AppRouting(app="shop", maintenance=True, error_page="<p>")))
    assert pages is not None
    assert (pages[0], pages[1]["app"], pages[1]["maintenance"], len(pages[1]["error_page"])) == (
        "routing",
        "shop",
        True,
        64,
    )
    assert "<p>" not in str(pages)
    router = RouterStatus(id="h1", host="h1", revision=1, updated=1.0)
    assert event(Changed("router", "h1", router, replace(router, revision=2))) is None
    assert event(Changed("router", "h1", None, replace(router, handovers=3))) is None
    assert event(Changed("router", "h1", router, replace(router, handovers=1, handover="pool http is used up"))) == (
        "router.handover",
        {"router": "h1", "host": "h1", "reason": "pool http is used up", "handovers": 1},
    )
