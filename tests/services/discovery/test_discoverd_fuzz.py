"""Whatever a client sends, discoverd answers with a problem document of the 4xx kind, or does it; it never breaks."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.discovery.rig import WEB, until
from tests.support.daemon import Answer, Daemon
from tests.support.etcd import EtcdServer

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANYTHING = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner))
FIELDS = st.sampled_from(["address", "port", "protocol", "host", "metadata", "ttl", "leader", "expect", "x"])
NEARLY = st.dictionaries(FIELDS, ANYTHING).map(lambda more: {"address": "10.0.0.1", "port": 80} | more)
BODIES = st.binary(max_size=200) | (ANYTHING | NEARLY).map(lambda value: json.dumps(value).encode())
SEGMENT = st.text(min_size=1, max_size=20).map(lambda text: quote(text, safe=""))
RULE = st.dictionaries(
    st.sampled_from(["mode", "instance", "key", "value"]), PLAIN | st.sampled_from(["manual", "oldest"])
)
QUERY = st.lists(
    st.tuples(
        st.sampled_from(["meta.a", "meta.", "host", "near", "after", "x", "hold"]) | st.text(max_size=8), st.text()
    ),
    max_size=3,
).map(lambda pairs: "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs))

fuzz = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    etcd = EtcdServer().start()
    daemon = Daemon("grille.discovery", "DISCOVERD_PORT", tmp_path_factory.mktemp("fuzz"), ETCD=etcd.url).start()
    until(lambda: daemon.call("GET", "/services").status == 200)
    yield daemon
    assert "request failed" not in daemon.log
    daemon.kill()
    etcd.stop()


def refused_or_done(answer: Answer) -> None:
    assert answer.status < 500, answer.body
    if answer.status >= 400:
        assert answer.headers.get_content_type() == "application/problem+json"
        assert answer.json["code"]
        assert answer.json["detail"]


@fuzz
@given(body=BODIES)
def test_registrations(target: Daemon, body: bytes) -> None:
    refused_or_done(target.call("PUT", f"{WEB}/one", body))


@fuzz
@given(body=BODIES | RULE.map(lambda rule: json.dumps({"leader": rule}).encode()))
def test_settings(target: Daemon, body: bytes) -> None:
    refused_or_done(target.call("PUT", "/services/web", body))
    refused_or_done(target.call("GET", "/services/web"))


@fuzz
@given(service=SEGMENT, ident=SEGMENT, query=QUERY, method=st.sampled_from(["GET", "PUT", "DELETE", "POST", "HEAD"]))
def test_paths_and_queries(target: Daemon, service: str, ident: str, query: str, method: str) -> None:
    for path in (f"/services/{service}", f"/services/{service}/instances", f"/services/{service}/instances/{ident}"):
        answer = target.call(method, f"{path}?{query}")
        if method != "HEAD":
            refused_or_done(answer)


CASES: list[tuple[str, str, bytes | None, dict[str, str]]] = [
    ("PUT", f"{WEB}/one", b"[" * 100_000, {}),
    ("PUT", f"{WEB}/one", b'{"metadata":' * 20_000, {}),
    ("PUT", f"{WEB}/one", b'{"address": "10.0.0.1", "port": ' + b"9" * 5000 + b"}", {}),
    ("PUT", f"{WEB}/one", b'{"address": "10.0.0.1", "port": 80, "ttl": Infinity}', {}),
    ("PUT", f"{WEB}/one", b'{"address": "10.0.0.1", "port": 80, "metadata": {"a": "\\ud800"}}', {}),
    ("PUT", f"{WEB}/one", b'{"address": "10.0.0.1", "port": 80, "metadata": {"\\ud800": "a"}}', {}),
    ("PUT", f"{WEB}/one", b"\xff\xfe{}", {}),
    ("PUT", f"{WEB}/one", b"x" * 300_000, {}),
    ("PUT", f"{WEB}/.settings", b'{"address": "10.0.0.1", "port": 80}', {}),
    ("PUT", "/services/web", b'{"metadata": {"a": "\\udfff"}}', {}),
    ("PUT", "/services/web", b'{"expect": 1e400}', {}),
    ("GET", f"{WEB}?watch=1&watch=1", None, {}),
    ("GET", f"{WEB}?watch=1&wait=3", None, {}),
    ("GET", f"{WEB}?wait=nan", None, {}),
    ("GET", f"{WEB}?wait=1e9", None, {}),
    ("GET", f"{WEB}?after=-1", None, {}),
    ("GET", f"{WEB}?after=99999999999999999999", None, {}),
    ("GET", f"{WEB}?near=A%00", None, {}),
    ("GET", f"{WEB}?protocol=http&protocol=tcp", None, {}),
    ("GET", f"{WEB}/one?watch=1", None, {}),
    ("GET", "/services?near=h1&watch=1", None, {}),
    ("PUT", f"{WEB}/one?hold=2", b'{"address": "10.0.0.1", "port": 80}', {}),
    ("POST", WEB, b"{}", {}),
    ("GET", "/services/web/nothing", None, {}),
    ("GET", "/services", None, {"Authorization": "Basic x"}),
]


@pytest.mark.parametrize(("method", "path", "body", "headers"), CASES)
def test_what_is_wrong_is_refused(target: Daemon, method: str, path: str, body: Any, headers: dict[str, str]) -> None:
    answer = target.call(method, path, body, headers=headers, token="" if headers else "deploy")
    assert 400 <= answer.status < 500, answer.body
    refused_or_done(answer)


def test_a_head_too_large(target: Daemon) -> None:
    with socket.create_connection(("127.0.0.1", target.port), timeout=10) as client:
        client.sendall(b"GET /services HTTP/1.1\r\nHost: x\r\nX-Much: " + b"x" * 100_000 + b"\r\n\r\n")
        head = client.recv(65536).decode()
    assert head.startswith("HTTP/1.1 4") or head.startswith("HTTP/1.0 4")
