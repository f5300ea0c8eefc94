"""What is said of locks, who is named as their owner, and how the grid's hosts are grouped."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible_collections.grille.grille.plugins.inventory.grille import groups_of, variables_of
from ansible_collections.grille.grille.plugins.lookup.grille_service import fits, shown
from ansible_collections.grille.grille.plugins.module_utils.grille.errors import InvalidValue
from ansible_collections.grille.grille.plugins.module_utils.grille_locks import clock, lock_name, refusal, waiting
from ansible_collections.grille.grille.plugins.plugin_utils.owner import owner

from tests.support.grid import command

NOW = time.time()
HOLDER = {"owner": "alice@laptop", "reason": "a fix", "created": NOW - 60, "since": NOW, "expires": NOW + 1}


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        (
            {"GITHUB_RUN_ID": "7", "GITHUB_SERVER_URL": "https://git.example.org", "GITHUB_REPOSITORY": "a/b"},
            "https://git.example.org/a/b/actions/runs/7",
        ),
        ({"GITHUB_RUN_ID": "7"}, "GitHub run 7"),
        ({"CI_JOB_URL": "https://ci.example.org/jobs/1"}, "https://ci.example.org/jobs/1"),
        ({"BUILD_URL": "https://jenkins.example.org/1/"}, "https://jenkins.example.org/1/"),
    ],
)
def test_a_ci_job_is_named_by_its_address(environ: dict[str, str], name: str) -> None:
    assert owner(environ) == name


def test_a_person_is_named_by_user_and_host() -> None:
    user, at, host = owner({"CI_JOB_URL": ""}).partition("@")
    assert all((user, at, host))


def test_the_lock_of_an_app_is_called_after_it() -> None:
    assert lock_name(None, "shop") == "app-shop"
    assert lock_name("db-migration", None) == "db-migration"
    for name, app in ((None, "No_app"), ("No_label", None), (None, None)):
        with pytest.raises(InvalidValue):
            lock_name(name, app)


def test_whoever_waits_is_told_for_whom() -> None:
    said = f"held by alice@laptop (a fix) since {clock(NOW)}, until {clock(NOW + 1)} at the latest"
    assert waiting("one", {"position": 1, "holder": HOLDER}) == f"waiting for lock one: {said}"
    assert waiting("one", {"position": 3, "holder": HOLDER}) == f"waiting for lock one, 3 ahead: {said}"
    unclaimed = {**HOLDER, "reason": "", "since": None, "expires": None}
    assert waiting("one", {"position": 1, "holder": unclaimed}).endswith(
        f"held by alice@laptop since {clock(NOW - 60)}"
    )


def test_a_refusal_names_the_way_out() -> None:
    assert "unlock.yml -e app=shop" in str(refusal("app-shop", HOLDER))
    assert "unlock.yml -e lock_name=one" in str(refusal("one", HOLDER, 3))
    assert "still after 3 s" in str(refusal("one", HOLDER, 3))
    assert len(clock(NOW - 400_000)) > len(clock(time.time()))  # NOW may be yesterday


def test_groups_of_a_host_are_valid_names() -> None:
    host: dict[str, Any] = {"host": "h1", "state": "gone", "jobs": 2, "tags": {}, "services": []}
    assert groups_of(host) == ["grille_hosts", "state_gone"]
    assert variables_of(host) == {"grille_state": "gone", "grille_jobs": 2, "grille_tags": {}, "grille_services": []}
    host |= {"address": "192.0.2.1", "state": "up", "tags": {"rack": "r-1.a"}, "services": ["my-db"]}
    assert groups_of(host)[1:] == ["state_up", "tag_rack_r_1_a", "service_my_db"]
    assert variables_of(host)["ansible_host"] == "192.0.2.1"


def test_an_instance_in_each_form() -> None:
    one = {"address": "2001:db8::1", "port": 80, "protocol": "http", "host": "", "metadata": {"n": "1"}}
    assert shown(one, "hostport") == "[2001:db8::1]:80"
    assert shown(one, "url") == "http://[2001:db8::1]:80"
    assert shown(one, "dict") == one
    assert fits(one, {"protocol": None, "host": None, "metadata": {"n": 1}})
    assert not fits(one, {"protocol": "tcp", "host": None, "metadata": {}})
    assert not fits(one, {"protocol": None, "host": None, "metadata": {"n": "2"}})


@pytest.mark.parametrize(
    ("kind", "name"),
    [("inventory", "grille"), ("lookup", "grille_service"), ("lookup", "grille_config"), ("module", "grille_lock")],
)
def test_ansible_doc_shows_it(kind: str, name: str) -> None:
    for called in (name, f"grille.grille.{name}"):
        shown = json.loads(command("ansible-doc", "-t", kind, "--json", called).ok().out)[called]
        assert shown["doc"]["short_description"]
        assert "token_file" in shown["doc"]["options"]
        assert shown["examples"]
