"""The access log: one line a request, whatever the request holds."""

from __future__ import annotations

import time

from grille.router import access_format
from tests.services.router.conftest import Apps
from tests.services.router.dataplane.rig import B0, Dataplane, line


async def test_what_a_line_says(apps: Apps) -> None:
    app = await apps("app", delay=0.1)
    async with Dataplane({"routes": {"a.example/": f"{B0}|shop"}}, {B0: {"i1": line(app.port)}}) as plane:
        before = time.time() * 1000
        await plane.ask("A.example:80", "/slow?x=/slow", "POST", data=b"hello", X_Request_Id="0123456789-0123456789")
        (word,) = await plane.logged()
        began = int(word["accepted"]) + int(word["handshake"]) + int(word["idle"])
        assert before - 50 < began < time.time() * 1000
        named = {name: word[name] for name in ("kind", "app", "backend", "server", "client", "port", "status", "state")}
        assert named == {
            "kind": "http",
            "app": "shop",
            "backend": B0,
            "server": "i1",
            "client": "127.0.0.1",
            "port": str(plane.http),
            "status": "200",
            "state": "--",
        }
        assert (word["method"], word["host"], word["version"], word["tls"]) == ("POST", "a.example", "HTTP/1.1", "-")
        assert (word["id"], word["retries"]) == ("0123456789-0123456789", "0")
        assert access_format.target(word["uri"]) == "/slow?x=/slow"
        assert int(word["received"]) > 100 < int(word["sent"])
        assert {name: int(word[name]) >= 0 for name in ("receive", "queue", "connect")}
        assert int(word["total"]) >= 0


async def test_lines_of_what_haproxy_answers_itself_and_of_nonsense() -> None:
    async with Dataplane({"routes": {"a.example/": "-|app"}}) as plane:
        await plane.ask("a.example", '/a%20b"#x')
        await plane.raw(b"GET /" + b'%22"' * 900 + b' HTTP/1.1\r\nHost: a "b" 200 c\r\n\r\n')
        await plane.raw(b"nonsense\r\n\r\n")
        await plane.ask("nobody.example")
        lines = {line["host"]: line for line in await plane.logged(4)}  # in whatever order the requests ended
        first, second, third, fourth = (lines[host] for host in ("a.example", 'a "b" 200 c', "-", "nobody.example"))
        assert (first["app"], first["backend"], first["server"], first["state"]) == ("app", "web", "<NOSRV>", "LR")
        assert (second["status"], second["host"]) == ("400", 'a "b" 200 c')
        assert access_format.target(second["uri"]).startswith('/%22"%22"')
        assert (third["status"], third["method"], third["host"]) == ("400", "<BADREQ>", "-")
        assert (fourth["status"], fourth["app"], fourth["host"]) == ("404", "-", "nobody.example")


def test_part_of_a_line_is_no_line() -> None:
    assert access_format.split("http 1795633699001 0 0") is None


def test_target() -> None:
    for word, says in (
        ("/a#22b?c", '/a"b?c'),
        ("https://a.example/x?y=//z", "/x?y=//z"),
        ("https://a.example", "/"),
        ("*", "*"),
        ("#2523", "%23"),
    ):
        assert access_format.target(word) == says
