"""Requests to drafts: releases, process types, settings, routes; no server anywhere."""

from __future__ import annotations

from typing import Any

import pytest

from grille.codec import decode, encode
from grille.controller.changes import release as releases
from grille.controller.changes.draft import Draft
from grille.controller.changes.processes import from_commands, with_settings
from grille.controller.changes.work import build, run
from grille.controller.records import Records
from grille.service.sealing import Keyring
from grille.store import Entry, Event, Put
from grille.wire import keys
from grille.wire.errors import GrilleError
from grille.wire.routing import Route
from grille.wire.specs import App, Formation, ProcessType, Release, Resources, Scale, Slug, Ticket

NO_KEYS = Keyring("/nonexistent")
SLUG = Slug(digest="a" * 64, size=1)
WEB = {"web": ProcessType(command="serve", port=5000)}


def apply(records: Records, key: str, value: bytes, revision: int) -> None:
    records.apply(Event("put", Entry(key, value, 1, revision, 1)))


def known(**stored: object) -> Records:
    """Records of app ``shop`` with release 1 running; ``stored`` adds records by key, ``__`` for a slash."""
    records = Records()
    base: dict[str, object] = {
        keys.app("shop"): App(name="shop", created=1.0, last_release=1),
        keys.release("shop", 1): Release(app="shop", version=1, created=1.0, slug=SLUG, env={"A": "1"}, processes=WEB),
        keys.formation("shop"): Formation(app="shop", release=1, processes={"web": Scale(count=1)}),
    }
    for number, (key, record) in enumerate((base | stored).items(), 5):
        apply(records, key.replace("__", "/"), encode(record), number)
    return records


def make(records: Records, **body: Any) -> Draft:
    return releases.release(records, "shop", body, 100.0, "test", NO_KEYS)


def written(draft: Draft, key: str, kind: type) -> Any:
    (found,) = [one for one in draft.writes if one.key == key]
    assert isinstance(found, Put)
    return decode(kind, found.value)


def test_a_release_is_one_transaction_guarded_by_the_app() -> None:
    draft = make(known(), env={"B": "2"}, scale={"web": 3})
    assert written(draft, keys.app("shop"), App).last_release == 2
    made = written(draft, keys.release("shop", 2), Release)
    assert (made.env, made.slug, made.processes) == ({"A": "1", "B": "2"}, SLUG, WEB)
    ticket = draft.answer["ticket"]
    assert ticket.payload == {"release": 2, "previous": 1, "scale": {"web": 3}}
    assert {check.key: check.mod_revision for check in draft.checks} == {
        keys.app("shop"): 5,
        keys.release("shop", 2): 0,
        keys.ticket("services", ticket.id): 0,
        keys.config("apps/shop", 1): 0,
    }


def test_a_release_builds_on_the_newest_that_is_queued() -> None:
    queued = Ticket(id="t", queue="services", app="shop", created=900.0, payload={"release": 2})
    newer = Release(app="shop", version=2, created=1.0, slug=SLUG, env={"A": "9"}, processes=WEB)
    records = known(queue__services__t=queued, **{keys.release("shop", 2): newer})
    draft = make(records, env={"B": "2"})
    assert draft.answer["release"].env == {"A": "9", "B": "2"}
    assert draft.answer["ticket"].created > 900.0
    same = make(records, env={"A": "9"}, scale={"web": 4})
    assert (same.status, same.answer["ticket"].payload["scale"]) == (200, {"web": 4})
    cancelled = known(
        queue__services__t=Ticket(
            id="t",
            queue="services",
            app="shop",
            created=9.0,
            state="running",
            cancel=True,
            payload={"release": 2, "previous": 1},
        ),
        **{keys.release("shop", 2): newer, keys.formation("shop"): Formation(app="shop", release=2)},
    )
    assert make(cancelled, env={"B": "2"}).answer["release"].env == {"A": "1", "B": "2"}


def test_a_first_release_does_not_take_a_route_of_another() -> None:
    other = Route(id="r", host="new.test", service="shop-web", created=1.0, app="shop")
    with pytest.raises(GrilleError, match=r"new\.test/ belongs to app 'shop'"):
        releases.release(known(routes__r=other), "new", {"image": "x"}, 1.0, "test", NO_KEYS)
    draft = releases.release(known(), "new", {"image": "x"}, 1.0, "test", NO_KEYS)
    assert written(draft, keys.route("new"), Route).host == "new.test"


def test_build_defaults_yield_to_the_user_and_settings_outlive_a_build() -> None:
    result = {"slug": {"digest": "b" * 64, "size": 2}, "processes": {"web": "other"}, "env": {"A": "no", "D": "4"}}
    built = Ticket(id="b", queue="builds", app="shop", created=1.0, state="succeeded", result=result)
    first = make(known(queue__builds__b=built), build="b", settings={"web": {"stop_grace": 3}}).answer["release"]
    assert (first.env, first.processes["web"].command) == ({"A": "1", "D": "4"}, "other")
    records = known(queue__builds__b=built, **{keys.release("shop", 1): first})
    assert make(records, build="b", env={"X": "1"}).answer["release"].processes["web"].stop_grace == 3


def test_settings() -> None:
    web = {"healthcheck": {"path": "/up"}, "boot_timeout": 7, "resources": {"memory": 64}, "port": 80}
    (made,) = with_settings(WEB, {"web": web}, "it").values()
    assert (made.health.type, made.health.path, made.health.boot_timeout, made.port) == ("http", "/up", 7, 80)
    assert made.resources == Resources(memory=64)
    again = with_settings({"web": made}, {"web": {"healthcheck": None, "resources": None}}, "it")["web"]
    assert (again.health.type, again.resources, again.port) == ("tcp", Resources(), 80)
    assert with_settings({"web": made}, {"web": None}, "it") == WEB


@pytest.mark.parametrize(
    "wrong",
    [
        {"web": 5},
        {"web": {"memory": 5}},
        {"web": {"healthcheck": {"path": "up"}}},
        {"web": {"healthcheck": {"type": "icmp"}}},
        {"web": {"healthcheck": {"threshold": 1.5}}},
        {"web": {"resources": {"cpu": 0}}},
        {"web": {"stop_grace": True}},
        {"web": {"port": 70000}},
        {"other": {}},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(GrilleError) as caught:
        with_settings(WEB, wrong, "it")
    assert caught.value.remedy or "process type" in caught.value.message


def test_only_web_gets_a_port() -> None:
    found = from_commands({"web": "a", "worker": "b"}, {})
    assert {name: one.port for name, one in found.items()} == {"web": 5000, "worker": 0}


def test_a_build_sees_the_release_s_environment_and_a_run_its_own() -> None:
    ticket = build(known(), "shop", {"source": "c" * 64, "env": {"B": "2", "A": None}}, 1.0, NO_KEYS).answer
    assert ticket.payload["env"] == {"B": "2"}
    assert build(known(), "new", {"source": "c" * 64}, 1.0, NO_KEYS).status == 201
    assert run(known(), "shop", {"command": "env", "env": {"B": "2"}}, 1.0).answer.payload["env"] == {"B": "2"}
    with pytest.raises(GrilleError, match="no release"):
        run(known(apps__new=App(name="new", created=1.0)), "new", {"command": "x"}, 1.0)
