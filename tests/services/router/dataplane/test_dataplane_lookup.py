"""Which route a request is for, and requests that are for none."""

from __future__ import annotations

import pytest

from tests.services.router.conftest import Apps
from tests.services.router.dataplane.rig import B0, B1, B2, B3, Dataplane, line


async def test_longest_path_exact_host_wildcards_and_any_host(apps: Apps) -> None:
    names = ("exact", "path", "wild", "any")
    servers = {
        backend: {"i1": line((await apps(name)).port)} for backend, name in zip((B0, B1, B2, B3), names, strict=True)
    }
    routes = {
        "a.example/": f"{B0}|app",
        "a.example/shop/": f"{B1}|app",
        "*.example/": f"{B2}|app",
        "*.w.example/deep/": f"{B1}|app",
        "*/": f"{B3}|app",
        "b.example/only/": f"{B0}|app",
    }
    async with Dataplane({"routes": routes}, servers) as plane:
        for host, path, name in (
            ("a.example", "/", "exact"),
            ("A.Example.", "/x?y=/shop/", "exact"),
            (f"a.example:{plane.http}", "/shop", "path"),
            ("a.example", "/shop/cart", "path"),
            ("a.example", "/shopping", "exact"),
            ("x.example", "/", "wild"),
            ("x.y.z.example", "/shop", "wild"),
            ("x.w.example", "/deep/er", "path"),
            ("x.w.example", "/", "wild"),
            ("b.example", "/only", "exact"),
            ("b.example", "/", "wild"),
            ("example", "/", "any"),
            ("a.b.c.d.e.example", "/", "any"),  # a wildcard stands for four labels at most
            ("other.test", "/", "any"),
            ("127.0.0.1", "/", "any"),
            ("[::1]", "/", "any"),
        ):
            answer = await plane.ask(host, path)
            assert (host, path, answer.text) == (host, path, name)


async def test_nothing_there_and_nobody_up() -> None:
    async with Dataplane({"routes": {"a.example/": "-|app", "b.example/x/": f"{B0}|app"}}, {B0: {}}) as plane:
        assert (await plane.ask("a.example")).error == "no_instance"
        nowhere = await plane.ask("b.example", "/y")
        assert (nowhere.status, nowhere.error) == (404, "no_route")
        assert "<b>b.example</b>" in nowhere.text


async def test_headers_for_the_app(apps: Apps) -> None:
    app = await apps("app")
    async with Dataplane({"routes": {"a.example/": f"{B0}|app"}}, {B0: {"i1": line(app.port)}}) as plane:
        await plane.ask("a.example", Proxy="http://evil", X_Forwarded_For="1.2.3.4", X_Request_Id="bad id")
        await plane.ask("a.example", tls=True, X_Request_Id="0123456789-0123456789", X_Forwarded_Proto="http")
        first, second = (request.headers for request in app.requests)
        assert "Proxy" not in first
        assert first.getall("X-Forwarded-For") == ["1.2.3.4", "127.0.0.1"]
        assert (first["X-Forwarded-Proto"], first["X-Forwarded-Port"]) == ("http", str(plane.http))
        assert first["X-Request-Start"].startswith("t=1")
        assert len(first["X-Request-Id"]) == 36
        assert second["X-Request-Id"] == "0123456789-0123456789"
        assert second["X-Forwarded-Proto"] == "https"


HOSTILE = (
    b"GET / HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a.example/admin\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a.example x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: <script>\r\n\r\n",
    b'GET / HTTP/1.1\r\nHost: a"example\r\n\r\n',
    b"GET / HTTP/1.1\r\nHost: a%2eexample\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: \r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5, 6\r\n\r\nhello!",
    b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: -5\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: +5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a.example\r\nX-A\x00: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a.example\r\nX-A: b\x00c\r\n\r\n",
    b"GET /\x01 HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: a.example\r\n\r\n",
    b"nonsense\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a.example\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
    b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: a.example\r\n\r\n",
)


@pytest.fixture
async def plane(apps: Apps):  # type: ignore[no-untyped-def]
    """One app, at ``a.example``."""
    app = await apps("app")
    async with Dataplane({"routes": {"a.example/": f"{B0}|app"}}, {B0: {"i1": line(app.port)}}) as found:
        found.app = app
        yield found


async def test_hostile_requests_are_refused_and_never_reach_the_app(plane: Dataplane) -> None:
    for data in HOSTILE:
        answer = await plane.raw(data)
        status = answer.split(b" ", 2)[1] if answer else b""
        assert status in (b"400", b"404", b"408", b"411", b"414", b"431"), (data[:80], answer[:200])
        assert b"<script>" not in answer
        assert not plane.app.requests, data[:80]  # type: ignore[attr-defined]
    assert (await plane.ask("a.example")).text == "app"


async def test_what_is_ambiguous_is_made_plain_before_the_app_sees_it(plane: Dataplane) -> None:
    """Both lengths: the chunks count, the other one is taken out, and the connection is not used again."""
    hidden = b"GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n"
    lengths = b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
    both = b"POST / HTTP/1.1\r\nHost: a.example\r\n" + lengths + b"0\r\n\r\n" + hidden
    answer = await plane.raw(both)
    assert answer.count(b"HTTP/1.1 ") <= 1
    folded = b"GET / HTTP/1.1\r\nHost: a.example\r\nX-A: b\r\n c\r\n\r\n"
    await plane.raw(folded)
    for request in plane.app.requests:  # type: ignore[attr-defined]
        assert request.path == "/"
        assert not {"Content-Length", "Transfer-Encoding"} <= set(request.headers)
        assert request.headers.get("X-A", "b c").split() == ["b", "c"]
