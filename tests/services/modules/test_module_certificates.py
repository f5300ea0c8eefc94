"""Certificates by modules and playbooks, against real daemons: four steps, check mode, keys hidden."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

from grille.codec import encode
from grille.store.blocking import BlockingStore
from grille.wire import keys
from grille.wire.routing import RouterStatus
from tests.services.modules.rig import Grid
from tests.support.certificates import Maker, Pem

MAKER = Maker()
ACME = {"directory": "https://127.0.0.1:9/dir", "email": "ops@example.org", "terms_agreed": True}


def _twice(grid: Grid, module: str, **options: Any) -> dict[str, Any]:
    """The change in check mode, for real, and again."""
    planned, done, again = grid.tasks(*((module, check, options) for check in (True, False, False)))
    assert [planned["changed"], done["changed"], again["changed"]] == [True, True, False], (planned, done, again)
    assert planned["diff"] == done["diff"]
    assert "PRIVATE KEY" not in json.dumps([planned, done, again])
    return done


def _text(pem: Pem, **more: Any) -> dict[str, Any]:
    return {"chain": pem.chain, "key": pem.key, **more}


def _name() -> str:
    return f"c{secrets.token_hex(3)}"


def test_made_changed_and_removed(grid: Grid, tmp_path: Path) -> None:
    ident = _name()
    first, second = MAKER.issue(f"{ident}.test"), MAKER.issue(f"{ident}.test", f"www.{ident}.test")
    done = _twice(grid, "grille_certificate", id=ident, **_text(first))
    assert done["diff"]["before"] == {}
    assert done["diff"]["after"]["domains"] == [f"{ident}.test"]
    for name, text in (("chain.pem", second.chain), ("key.pem", second.key), ("ca.pem", MAKER.pem)):
        (tmp_path / name).write_text(text, encoding="ascii")
    files = {"chain_file": str(tmp_path / "chain.pem"), "key_file": str(tmp_path / "key.pem")}
    done = _twice(grid, "grille_certificate", id=ident, client_ca_file=str(tmp_path / "ca.pem"), **files)
    assert done["diff"]["before"]["fingerprint"] != done["diff"]["after"]["fingerprint"]
    assert len(done["diff"]["after"]["client_ca"]) == 64
    (one,), listed = (
        grid.task("grille_certificate_info", id=ident)["certificates"],
        grid.task("grille_certificate_info")["certificates"],
    )
    assert (one["state"], one["domains"]) == ("valid", [f"{ident}.test", f"www.{ident}.test"])
    assert ident in [each["id"] for each in listed]
    _twice(grid, "grille_certificate", id=ident, state="absent")
    assert grid.task("grille_certificate_info", id=ident)["certificates"] == []


def test_wrong_wishes_are_one_line(grid: Grid) -> None:
    ident, pem = _name(), MAKER.issue("wrong.test")
    failures = {
        "key_mismatch": {"chain": pem.chain, "key": MAKER.issue("wrong.test").key},
        "not_pem": {"chain": "rubbish", "key": pem.key},
        "domain_not_covered": _text(pem, domains=["right.test"]),
        "invalid": {"chain_file": "/nowhere/at/all", "key": pem.key},
        "invalid_domains": {"source": "acme"},
    }
    for check in (True, False):
        wanted = [("grille_certificate", check, {"id": ident, **options}) for options in failures.values()]
        for code, done in zip(failures, grid.tasks(*wanted), strict=True):
            assert (done["changed"], done["code"]) == (False, code), done
            assert "\n" not in done["msg"]


def test_a_router_that_leaves_it_out_fails_the_task(grid: Grid) -> None:
    ident = _name()
    with_router = RouterStatus(
        id="r1", host="r1", revision=1 << 40, updated=time.time(), refused={keys.certificate(ident): "no memory"}
    )
    BlockingStore([grid.etcd.url]).put(keys.router("r1"), encode(with_router))  # it is fine with all other ones
    done = grid.task("grille_certificate", id=ident, **_text(MAKER.issue(f"{ident}.test")))
    assert done["code"] == "certificate_refused", done
    assert "router r1 leaves it out: no memory" in done["msg"]


def test_acme_is_set_up_and_playbooks_serve(grid: Grid, tmp_path: Path) -> None:
    admin = {"token": "admin-token"}
    done = _twice(grid, "grille_acme", **ACME, **admin)
    assert (done["diff"]["before"], done["account"]) == ({}, {})
    done = _twice(grid, "grille_acme", **ACME, **admin, dns_hook="http://u:hidden@127.0.0.1:9/")
    assert "hidden" not in json.dumps(done)
    assert done["diff"]["after"]["dns_hook"] == "(set)"
    assert grid.task("grille_acme", **{**ACME, "terms_agreed": False}, **admin)["code"] == "terms_not_agreed"
    assert grid.task("grille_acme", **ACME, token="deploy-token")["code"] == "forbidden"
    ident = _name()
    pem = MAKER.issue(f"{ident}.test")
    (tmp_path / "chain.pem").write_text(pem.chain, encoding="ascii")
    (tmp_path / "key.pem").write_text(pem.key, encoding="ascii")
    files = {"chain": str(tmp_path / "chain.pem"), "key": str(tmp_path / "key.pem")}
    play = grid.play("certificate", "--diff", id=ident, ansible_become=False, **files)
    play.ok()
    assert f"{ident} is for {ident}.test, until 20" in play.out
    assert "PRIVATE" not in play.out
    asked = {"id": f"{ident}-a", "domains": [f"a.{ident}.test"], "source": "acme", "wait": False}
    _twice(grid, "grille_certificate", **asked)
