"""The pure parts of HAProxy's supervisor, and work done in a child."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from grille.router.supervisor import laying, log, runtime
from grille.router.supervisor.backoff import FIRST, MOST, STEADY, Backoff
from grille.router.supervisor.forked import forked
from grille.router.supervisor.starting import link
from grille.service.settings import Settings
from grille.wire.errors import Failed, InvalidValue

STAT = """# pxname,svname,qcur,qmax,scur,smax
http-00000,i1,0,0,2,4
http-00000,i2,0,0,0,1
http-00001,i1,0,0,1,1
http-00001,_wait,0,0,,

"""
SESSIONS = """0x5586dcc37f80: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 age=0s
0x7fb370039d90: proto=tcpv4 src=127.0.0.1:4711 fe=web be=http-00000 srv=i1 ts=00 age=3s
0x7fb370040000: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 age=9s"""


def test_pauses_grow_up_to_a_limit_and_are_forgotten_after_a_steady_time() -> None:
    backoff = Backoff()
    pauses = [backoff.after(0.5) for _ in range(9)]
    assert pauses[:4] == [0.0, FIRST, FIRST * 2, FIRST * 4]
    assert pauses[-1] == MOST
    assert backoff.after(STEADY) == 0.0
    assert backoff.after(0.0) == FIRST


def test_answers_of_haproxy_are_read() -> None:
    assert runtime.sessions(STAT) == {"i1": 3}
    assert runtime.sessions("") == {}
    assert runtime.command_lines(SESSIONS) == ["0x5586dcc37f80", "0x7fb370040000"]
    assert runtime.number("Name: HAProxy\nPid: 17\nCurrConns: 3\n", "CurrConns") == 3
    assert runtime.number("", "Pid") == 0


def test_nobody_answers_where_there_is_no_socket(tmp_path: Path) -> None:
    assert runtime.answers(tmp_path / "haproxy.sock") == 0


def test_line_of_log_is_one_line_of_json() -> None:
    said = log.line("error", "HAProxy says", {"text": "a\nb"}, 1.5)
    assert "\n" not in said
    assert json.loads(said) == {
        "text": "a\nb",
        "event": "HAProxy says",
        "brick": "haproxy",
        "level": "error",
        "timestamp": "1970-01-01T00:00:01.500000Z",
    }


@pytest.mark.parametrize(
    ("text", "ports"),
    [("", None), ("20000-20099", (20000, 20099)), ("80-80", (80, 80)), ("1-65535", (1, 65535))],
)
def test_port_ranges(text: str, ports: tuple[int, int] | None) -> None:
    assert laying.port_range(text) == ports


@pytest.mark.parametrize("text", ["80", "80-", "-", "90-80", "0-9", "1-65536", "a-b", "1-2-3", "1 - 2", "٣-٤"])
def test_what_is_no_port_range_is_named(text: str) -> None:
    with pytest.raises(InvalidValue, match="GRILLE_ROUTER_TCP_PORTS"):
        laying.port_range(text)


def test_settings_become_options(tmp_path: Path) -> None:
    environ = {
        "GRILLE_DATA": str(tmp_path),
        "GRILLE_ROUTER_POOL": "7",
        "GRILLE_ROUTER_TCP_PORTS": "20000-20009",
        "GRILLE_ROUTER_PROXIES": "192.0.2.0/24, 2001:db8::/32",
    }
    found = laying.options(Settings(environ))
    assert dict(found.pools) == {**laying.FIRST_POOLS, "http": 7}
    assert (found.tcp_ports, found.proxies) == ((20000, 20009), ("192.0.2.0/24", "2001:db8::/32"))
    assert found.folder == tmp_path


def test_process_has_a_socket_of_its_own_that_gives_its_listeners_away(tmp_path: Path) -> None:
    text = laying.own(tmp_path / "haproxy-3.sock", 60)
    assert f"stats socket {tmp_path}/haproxy-3.sock mode 600 level admin expose-fd listeners\n" in text
    assert "hard-stop-after 60s\n" in text


def test_work_in_a_child_gives_its_result_or_its_error() -> None:
    assert forked(lambda: str(os.getpid())) != str(os.getpid())

    def wrong() -> str:
        raise InvalidValue("no", remedy="yes", code="setting")

    with pytest.raises(Failed, match="no") as caught:
        forked(wrong)
    assert (caught.value.remedy, caught.value.code) == ("yes", "setting")
    with pytest.raises(Failed, match="ZeroDivisionError"):
        forked(lambda: str(1 // 0))
    with pytest.raises(Failed, match="status"):
        forked(lambda: os._exit(3))


def test_link_replaces_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "haproxy.sock"
    path.write_text("")
    for name in ("haproxy-1.sock", "haproxy-2.sock"):
        link(path, tmp_path / name)
        assert path.readlink() == Path(name)
    assert [each.name for each in tmp_path.iterdir()] == ["haproxy.sock"]
