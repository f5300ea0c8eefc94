"""What people write for scale, env and settings, and what a deployment would change."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.grille.grille.plugins.lookup.command_line import typed
from ansible_collections.grille.grille.plugins.module_utils.grille.errors import InvalidValue
from ansible_collections.grille.grille.plugins.module_utils.grille_compare import asked, differs, shown, view
from ansible_collections.grille.grille.plugins.module_utils.grille_instances import cleared, missing
from ansible_collections.grille.grille.plugins.module_utils.grille_values import parse_env, parse_scale
from ansible_collections.grille.grille.plugins.plugin_utils.packing import Packed
from ansible_collections.grille.grille.plugins.plugin_utils.planning import needs_build, planned
from ansible_collections.grille.grille.plugins.plugin_utils.progress import Progress

from grille.codec import plain
from grille.wire.specs import Formation, ProcessType, Release, Scale, Slug

TYPES = {"web": ProcessType(command="serve", port=5000), "worker": ProcessType(command="work")}
RELEASE = Release(
    app="shop",
    version=3,
    created=1.0,
    slug=Slug(digest="s1", size=1),
    env={"SECRET": "hunter2", "OLD": "1"},
    processes=TYPES,
    buildpack="python",
    source="d1",
)
FORMATION = Formation(app="shop", release=3, processes={"web": Scale(count=2), "worker": Scale(count=0)})
FOUND = {"release": plain(RELEASE), "formation": plain(FORMATION)}
WISH: dict[str, Any] = {"image": None, "buildpack": None, "env": {}, "settings": {}, "scale": {}}
PACK = Packed("p", "d2", 1, 1, (), {"web": "serve"})
BEFORE = view(FOUND["release"], FOUND["formation"])


def test_scale_is_read_in_all_its_forms() -> None:
    assert parse_scale({"web": 4, "worker": "1"}) == {"web": {"count": 4}, "worker": {"count": 1}}
    assert parse_scale({"web": {"count": "2", "cpu": "0.5", "memory": 256}}) == {
        "web": {"count": 2, "cpu": 0.5, "memory": 256}
    }


@pytest.mark.parametrize(
    ("scale", "names"),
    [
        ({"web": -1}, "web"),
        ({"web": "many"}, "web"),
        ({"web": True}, "web"),
        ({"web": 1.5}, "web"),
        ({"web": None}, "web"),
        ({"web": {"cuont": 1}}, "cuont"),
        ({"web": {"cpu": 0}}, "cpu"),
        ({"Web": 1}, "Web"),
        ({}, "scale"),
        ("web=1", "scale"),
    ],
)
def test_wrong_scales_are_one_line_that_names_the_place(scale: object, names: str) -> None:
    with pytest.raises(InvalidValue, match=names) as raised:
        parse_scale(scale)
    assert raised.value.remedy
    assert "\n" not in str(raised.value)


def test_env_takes_numbers_and_refuses_what_yaml_made_of_words() -> None:
    assert parse_env({"A": "x", "B": 1, "C": None}) == {"A": "x", "B": "1", "C": None}
    for wrong in ({"A": True}, {"A": ["hunter2"]}, {"1A": "hunter2"}, {"PORT": "80"}, "A=hunter2"):
        with pytest.raises(InvalidValue) as raised:
            parse_env(wrong)
        assert "hunter2" not in str(raised.value)


def test_nothing_asked_for_nothing_differs() -> None:
    assert not differs(BEFORE, asked(BEFORE))
    assert not differs(BEFORE, asked(BEFORE, code={"source": "d1", "slug": "s1", "buildpack": "python"}))
    assert not differs(BEFORE, asked(BEFORE, env={"OLD": "1"}, scale={"web": {"count": 2}}))
    assert not differs(BEFORE, asked(BEFORE, settings={"web": {"boot_timeout": 60, "healthcheck": {"type": "tcp"}}}))


def test_the_difference_names_variables_and_never_their_values() -> None:
    after = asked(BEFORE, env={"SECRET": "swordfish", "OLD": None, "NEW": "xyzzy"}, scale={"web": {"count": 4}})
    difference = shown(BEFORE, after)
    assert difference == {
        "before": {"env": {"SECRET": "(set)", "OLD": "(set)"}, "scale": {"web": {"count": 2}}},
        "after": {"env": {"SECRET": "(another value)", "NEW": "(set)"}, "scale": {"web": {"count": 4}}},
    }


def test_settings_are_laid_over_and_null_gives_the_defaults_back() -> None:
    after = asked(
        BEFORE, settings={"web": {"boot_timeout": 5, "healthcheck": {"path": "/up"}, "resources": {"cpu": 2}}}
    )
    web = after["settings"]["web"]
    assert (web["health"]["boot_timeout"], web["health"]["type"], web["resources"]["cpu"]) == (5, "http", 2)
    assert web["resources"]["memory"] == 512
    assert not differs(BEFORE, asked(after, settings={"web": None}))
    assert not differs(
        BEFORE, asked(after, settings={"web": {"boot_timeout": None, "healthcheck": None, "resources": None}})
    )


def test_a_build_is_needed_for_another_source_or_buildpack_only() -> None:
    assert not needs_build(FOUND, "d1", None)
    assert not needs_build(FOUND, "d1", "python")
    assert needs_build(FOUND, "d1", "https://example.org/pack.git")
    assert needs_build(FOUND, "d2", None)
    assert needs_build({}, "d1", None)


def test_plan_of_a_new_app_and_of_a_new_source() -> None:
    first = planned({}, WISH, PACK)
    assert (first["changed"], first["release"]) == (True, 0)
    assert first["diff"]["after"]["processes"] == {"web": "serve"}
    assert first["diff"]["after"]["scale"] == {"web": {"count": 1}}
    other = planned(FOUND, WISH, PACK)
    assert (other["diff"]["before"]["source"], other["diff"]["after"]["source"]) == ("d1", "d2")
    assert other["diff"]["before"]["processes"] == {"worker": "work"}
    assert planned(FOUND, WISH, None) == {"changed": False, "release": 3, "diff": {"before": {}, "after": {}}}


def _job(ident: str, process: str, state: str, **more: Any) -> dict[str, Any]:
    usual = {"id": ident, "process": process, "state": state, "release": 3, "kind": "service", "desired": "run"}
    return {**usual, "host": "h1", "reason": "", **more}


def test_an_app_is_as_its_formation_says_when_all_are_up_and_surplus_ones_gone() -> None:
    good = [_job("a", "web", "up"), _job("b", "web", "up"), _job("r", "run", "running", kind="ephemeral")]
    assert missing({**FOUND, "jobs": good}) == []
    starting = [_job("a", "web", "up"), _job("b", "web", "crashed", reason="exit 1")]
    assert missing({**FOUND, "jobs": starting}) == ["web: 1 of 2 up (b crashed: exit 1)"]
    leaving = [*good, _job("c", "web", "draining", desired="stop")]
    assert missing({**FOUND, "jobs": leaving}) == ["c is draining"]
    assert missing({**FOUND, "jobs": [*good, _job("d", "web", "up", release=2)]}) == ["d is up"]


def test_a_failed_deployment_is_cleared_when_its_release_and_jobs_are_gone() -> None:
    first, later = {"payload": {"release": 1, "previous": 0}}, {"payload": {"release": 4, "previous": 3}}
    app: dict[str, Any] = {"releases": [{"version": 3}, {"version": 4}], "jobs": []}
    assert cleared(first, None)
    assert not cleared(first, {"releases": [], "jobs": []})
    assert not cleared(later, app)
    gone = copy.deepcopy(app)
    gone["releases"].pop()
    assert cleared(later, gone)
    assert not cleared(later, {**gone, "jobs": [_job("a", "web", "failed", release=4)]})


def test_progress_tells_each_thing_once() -> None:
    told = Progress()
    ticket = {"state": "running", "queue": "services", "reason": "", "payload": {"release": 3}}
    old, new = _job("old", "web", "up", release=2), _job("new", "web", "starting")

    def news(*jobs: dict[str, Any]) -> list[str]:
        return told.news({"ticket": ticket, "lines": [], "jobs": list(jobs)})

    assert news(old, new) == ["new on h1 starting"]
    assert news(old, new) == []
    assert news({**old, "state": "draining"}, {**new, "state": "up"}) == ["old up → draining", "new starting → up"]
    assert news({**new, "state": "up"}) == ["old draining → gone"]


def test_an_extra_variable_is_read_as_it_was_typed() -> None:
    assert typed("command", ["app=x", "command=python -c a=b"]) == "python -c a=b"
    assert typed("command", ["command='a b'", '{"command": "x"}']) is None


def test_no_file_of_the_plugins_is_long() -> None:
    root = Path(__file__).resolve().parents[3]
    for folder in ("library", "module_utils", "action_plugins", "plugin_utils", "lookup_plugins", "inventory_plugins"):
        for path in (root / folder).glob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) < 300, path
