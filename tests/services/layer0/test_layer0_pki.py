"""grille_pki with a real openssl: the authority and certificates made, kept, renewed, refused; etcd takes them."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.support.etcd import EtcdServer
from tests.support.modules import run_module

AUTHORITY = "/O=grille/CN=grille CA"
NAMES = ["IP:127.0.0.1", "DNS:localhost"]


class Grid:
    """The hosts of a grid, each a folder: ``keeper`` has the authority's key. It issues like ``Authority``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.keeper = self._host("keeper")
        self.certificate = str(self.authority()["certificate"])
        self.ca = str(self.keeper / "ca.crt")

    def _host(self, name: str) -> Path:
        (self._folder / name).mkdir(exist_ok=True)
        return self._folder / name

    def authority(self, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """The result of the step ``authority``."""
        wanted = {"days": 3650, "renew_days": 365, "subject": AUTHORITY, **arguments}
        return run_module("grille_pki", check, step="authority", folder=str(self.keeper), **wanted)

    def ask(self, host: str, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """The result of the step ``request``."""
        wanted = {"names": NAMES, "authority": self.certificate, **arguments}
        return run_module("grille_pki", check, step="request", folder=str(self._host(host)), name="leaf", **wanted)

    def sign(self, host: str, request: str, **arguments: Any) -> None:
        """The step ``sign``, and the certificate kept on ``host``."""
        wanted = {"names": NAMES, "usages": ["serverAuth", "clientAuth"], **arguments}
        signed = run_module("grille_pki", step="sign", folder=str(self.keeper), request=request, **wanted)
        assert not signed["changed"]
        (self._host(host) / "leaf.crt").write_text(signed["certificate"])

    def issue(self, name: str, address: str = "") -> tuple[str, str]:
        """Paths of a certificate and a key of the host ``name``; again: of a renewed one."""
        self.sign(name, self.ask(name, renew_days=10000)["request"])
        return str(self._host(name) / "leaf.crt"), str(self._host(name) / "leaf.key")


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    """A grid with an authority."""
    return Grid(tmp_path)


def test_authority(grid: Grid) -> None:
    assert (grid.keeper / "ca.key").stat().st_mode & 0o777 == 0o600
    again = grid.authority()
    assert (again["changed"], again["reasons"], again["certificate"]) == (False, [], grid.certificate)
    key = (grid.keeper / "ca.key").read_text()

    would = grid.authority(check=True, renew_days=4000)
    assert (would["changed"], would["reasons"]) == (True, ["it ends in 3650 days"])
    assert "made anew: it ends in 3650 days" in would["diff"]["after"]
    assert (grid.keeper / "ca.crt").read_text() == grid.certificate

    leaf, _ = grid.issue("alpha")
    renewed = grid.authority(renew_days=4000, days=5000)
    assert renewed["certificate"] not in ("", grid.certificate)
    assert (grid.keeper / "ca.key").read_text() == key
    assert not grid.ask("alpha", authority=renewed["certificate"])["changed"], "what it signed before holds on"
    ssl.create_default_context(cafile=str(grid.keeper / "ca.crt")).load_verify_locations(leaf)


def test_authority_without_its_key_is_refused(grid: Grid) -> None:
    (grid.keeper / "ca.key").unlink()
    refused = grid.authority()
    assert refused["failed"]
    assert "bring the key back from a backup" in refused["msg"]
    assert not (grid.keeper / "ca.key").exists()


def test_certificate(grid: Grid, tmp_path: Path) -> None:
    would = grid.ask("alpha", check=True)
    assert (would["changed"], would["request"], would["reasons"]) == (True, "", ["there is none"])
    assert not (tmp_path / "alpha" / "leaf.key").exists()

    asked = grid.ask("alpha")
    assert asked["changed"]
    grid.sign("alpha", asked["request"])
    key = (tmp_path / "alpha" / "leaf.key").read_text()
    kept = grid.ask("alpha")
    assert (kept["changed"], kept["request"], kept["reasons"]) == (False, "", [])
    assert (tmp_path / "alpha" / "leaf.key").stat().st_mode & 0o777 == 0o600

    assert grid.ask("alpha", check=True, renew_days=400)["reasons"] == ["it ends in 365 days"]
    moved = grid.ask("alpha", names=["IP:10.0.0.1"])
    assert (moved["changed"], moved["reasons"]) == (False, ["its names are to be IP:10.0.0.1"])
    grid.sign("alpha", moved["request"], names=["IP:10.0.0.1"])
    assert grid.ask("alpha", names=["IP:10.0.0.1"])["reasons"] == []
    assert (tmp_path / "alpha" / "leaf.key").read_text() == key, "a renewal replaces one file"


def test_certificate_of_another_authority_or_key_is_made_anew(grid: Grid, tmp_path: Path) -> None:
    grid.issue("alpha")
    (tmp_path / "other").mkdir()
    stranger = Grid(tmp_path / "other")
    assert grid.ask("alpha", check=True, authority=stranger.certificate)["reasons"] == ["another authority signed it"]
    grid.issue("bravo")
    shutil.copy(tmp_path / "bravo" / "leaf.key", tmp_path / "alpha" / "leaf.key")
    assert grid.ask("alpha", check=True)["reasons"] == ["it is of another key"]
    (tmp_path / "alpha" / "leaf.crt").write_text("no certificate\n")
    assert grid.ask("alpha", check=True)["reasons"][0].startswith("it cannot be read (openssl x509: ")


def test_a_request_that_is_none_is_one_line(grid: Grid) -> None:
    refused = run_module("grille_pki", step="sign", folder=str(grid.keeper), request="no request")
    assert refused["failed"]
    assert refused["msg"].startswith("openssl ca: ")
    assert "\n" not in refused["msg"]


def test_nothing_is_needed_to_look_ahead_on_a_fresh_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("ansible.module_utils.basic.get_bin_path", _no_program)
    folder = str(tmp_path / "none")
    would = run_module("grille_pki", True, step="authority", folder=folder, subject=AUTHORITY)
    assert (would["changed"], would["certificate"]) == (True, "")
    asked = run_module("grille_pki", True, step="request", folder=folder, name="leaf", authority="")
    assert (asked["changed"], asked["reasons"]) == (True, ["there is no authority yet"])
    refused = run_module("grille_pki", step="authority", folder=folder, subject=AUTHORITY)
    assert "install it: apt-get install openssl" in refused["msg"]


def _no_program(*_arguments: object, **_options: object) -> str:
    raise ValueError("not found")


def test_etcd_takes_a_renewed_certificate_without_a_restart(grid: Grid, tmp_path: Path) -> None:
    server = EtcdServer(authority=grid)  # type: ignore[arg-type]  # it issues as that class does
    try:
        server.start()
        first = _served(server.url, grid, tmp_path)
        grid.issue("default")
        second = _served(server.url, grid, tmp_path)
        assert first != second == (tmp_path / "default" / "leaf.crt").read_text()
        assert "revision" in server.ask("/v3/kv/put", {"key": "YQ==", "value": "YQ=="})["header"]
    finally:
        server.stop()


def _served(url: str, grid: Grid, folder: Path) -> str:
    host, _, port = url.rpartition("/")[2].partition(":")
    return ssl.get_server_certificate((host, int(port)), ca_certs=grid.ca)
