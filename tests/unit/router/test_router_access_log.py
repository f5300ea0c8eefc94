"""The access log's lines: what they come to for people and for figures, hostile ones too."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grille.router import access_format
from grille.router.telling.line import facts, of_app, shown
from grille.router.telling.window import quantile, window

USUAL = {
    "kind": "http",
    "accepted": "1700000000000",
    "handshake": "2",
    "idle": "8",
    "receive": "0",
    "queue": "1",
    "connect": "2",
    "response": "30",
    "total": "40",
    "app": "shop",
    "backend": "http-00001",
    "server": "shop-web-1a2b3c4d",
    "client": "192.0.2.7",
    "port": "80",
    "status": "200",
    "received": "120",
    "sent": "3000",
    "state": "--",
    "retries": "0",
    "tls": "-",
    "version": "HTTP/1.1",
    "method": "GET",
    "id": "abc-1",
    "uri": "/cart?x=1",
    "host": "shop.example",
}


def line(**words: str) -> str:
    return " ".join({**USUAL, **words}[name] for name in access_format.NAMES)


def text(**words: str) -> str:
    found = shown(line(**words))
    assert found is not None
    return str(found["text"])


def test_a_request_as_people_read_it() -> None:
    assert shown(line()) == {
        "time": 1700000000.05,
        "stream": "router",
        "text": 'at=info method=GET path="/cart?x=1" host=shop.example request_id=abc-1 fwd="192.0.2.7" '
        "instance=shop-web-1a2b3c4d queue=1ms connect=2ms service=30ms total=40ms status=200 received=120 bytes=3000 "
        "retries=0 tls=- protocol=HTTP/1.1",
    }


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"server": "<NOSRV>", "backend": "web", "status": "404", "state": "LR", "app": "-"}, "no_route"),
        ({"server": "<NOSRV>", "backend": "web", "status": "503", "state": "LR"}, "no_instance_or_maintenance"),
        ({"server": "<NOSRV>", "backend": "web", "status": "429", "state": "PR"}, "rate_limited"),
        ({"server": "_wait", "status": "503"}, "app_unavailable"),
        ({"status": "504", "state": "sH", "response": "-1"}, "app_timeout"),
        ({"status": "502", "state": "SH", "response": "-1"}, "bad_gateway"),
        ({"status": "-1", "state": "CH", "response": "-1"}, "client_gone"),
        ({"kind": "tcp", "status": "-1", "state": "SC", "connect": "-1"}, "app_unavailable"),
    ],
)
def test_errors_of_the_router_have_their_code(words: dict[str, str], code: str) -> None:
    assert text(**words).startswith(f"at=error code={code} ")


@pytest.mark.parametrize("status", ["200", "404", "500", "503"])
def test_what_an_app_answers_is_no_error_of_the_router(status: str) -> None:
    assert text(status=status).startswith("at=info ")
    assert facts(line(status=status)).failed == (status[0] == "5")


def test_values_of_clients_cannot_forge_words() -> None:
    said = text(uri='/a"#20status=200#0A\\', host='x" instance="y \x1b[0m')
    assert r'path="/a\" status=200?\\"' in said
    assert r'host="x\" instance=\"y ?[0m"' in said
    assert said.count("\n") == 0


def test_what_is_counted() -> None:
    assert facts(line()).duration == 33
    assert facts(line(response="-1", total="30000", status="504", state="sH")).duration == 30000
    assert facts(line(server="<NOSRV>", status="301", queue="-1", connect="-1", response="-1")).duration == -1
    assert not facts(line(status="-1", state="CH")).failed
    assert facts(line(app="-")).app == ""


@pytest.mark.parametrize("broken", ["", "> ", "Usage: show events", line()[:60], "tcp", "No such event sink"])
def test_a_part_of_a_line_is_no_line(broken: str) -> None:
    assert facts(broken) is None
    assert shown(broken) is None


@given(
    st.text(alphabet=st.characters(exclude_characters="\n"), max_size=300), st.lists(st.text(max_size=9), max_size=30)
)
def test_nothing_a_line_holds_breaks_reading(raw: str, words: list[str]) -> None:
    mixed = {name: word.replace(" ", "") for name, word in zip(access_format.NAMES, words, strict=False)}
    for each in (raw, line(**mixed)):
        facts(each)
        found = shown(each)
        assert found is None or json.dumps(found)


def test_lines_of_an_app_are_those_whose_word_is_its_name() -> None:
    mine = line(app="shop")
    others = [line(app="shop2"), line(app="-", host="shop"), line(app="blog", uri="/shop", server="shop")]
    assert list(of_app([*others, mine], "shop")) == [mine]


def test_quantiles_and_rates_of_a_window() -> None:
    assert [quantile(list(range(1, 101)), share) for share in (0.5, 0.9, 0.99)] == [50, 90, 99]
    assert quantile([7], 0.99) == 7
    now = 1700000010.0
    lines = [line(response=str(number), total=str(number)) for number in range(1, 11)]
    lines += [line(app="blog", status="500"), line(accepted="1600000000000")]
    found = window(filter(None, map(facts, lines)), now, lambda one: one.app, 60.0)
    assert found.seconds == 60.0
    assert found.samples["shop"].requests == 10
    assert found.samples["shop"].quantiles() == {0.5: 0.008, 0.9: 0.012, 0.99: 0.013}
    assert found.samples["blog"].errors == 1
    young = window(filter(None, map(facts, lines[:5])), now, lambda one: one.app, 60.0)
    assert 9.9 < young.seconds < 10.1  # the ring reaches no further back
