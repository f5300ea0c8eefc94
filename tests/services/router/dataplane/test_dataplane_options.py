"""What a route's options make of requests and answers."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from urllib.parse import quote

import aiohttp.web

from tests.services.router.conftest import Apps
from tests.services.router.dataplane.rig import B0, B1, B2, B3, Dataplane, Port, line


def route(backend: str, **options: str) -> str:
    """A route's entry; ``_`` in names stands for ``-``."""
    text = "&".join(f"{name.replace('_', '-')}={quote(value, safe='')}" for name, value in options.items())
    return f"{backend}|app|{text}"


async def test_https_only(apps: Apps) -> None:
    app = await apps("app")
    routes = {"routes": {"a.example/": route(B0, https="1", hsts="3600")}}
    async with Dataplane(routes, {B0: {"i1": line(app.port)}}) as plane:
        answer = await plane.ask("a.example:80", "/x/y?z=1&w", "POST", data=b"x")
        assert answer.status == 308
        assert answer.headers["Location"] == f"https://a.example:{plane.https}/x/y?z=1&w"
        answer = await plane.ask("a.example", tls=True)
        assert (answer.text, answer.headers["Strict-Transport-Security"]) == ("app", "max-age=3600")
        assert len(app.requests) == 1


async def test_hsts_is_not_said_without_tls(apps: Apps) -> None:
    app = await apps("app")
    async with Dataplane({"routes": {"a.example/": route(B0, hsts="5")}}, {B0: {"i1": line(app.port)}}) as plane:
        assert "Strict-Transport-Security" not in (await plane.ask("a.example")).headers


async def test_redirect_needs_no_instance() -> None:
    routes = {"a.example/": route("?", to="https://www.example.org/base/", code="302")}
    async with Dataplane({"routes": routes}) as plane:
        answer = await plane.ask("a.example", "/p?q")
        assert (answer.status, answer.headers["Location"]) == (302, "https://www.example.org/base/p?q")
        (word,) = await plane.logged()
        assert (word["status"], word["app"]) == ("302", "app")


async def test_options_first_then_no_instance() -> None:
    async with Dataplane({"routes": {"a.example/": route("?", hsts="5")}}) as plane:
        assert (await plane.ask("a.example")).error == "no_instance"


async def test_path_stripped_and_headers_both_ways(apps: Apps) -> None:
    app = await apps("app")
    options = {"strip": "/api", "rq.X_Set": "a b%\"'&=|;", "rq.User_Agent": "", "rs.X_Answer": "ü", "rs.Server": ""}
    async with Dataplane({"routes": {"a.example/api/": route(B0, **options)}}, {B0: {"i1": line(app.port)}}) as plane:
        for asked, seen in (("/api", "/"), ("/api/", "/"), ("/api/x/y?z=/api", "/x/y?z=/api"), ("/api?q", "/?q")):
            answer = await plane.ask("a.example", asked)
            request = app.requests[-1]
            assert request.path_qs == seen
            assert request.headers["X-Forwarded-Prefix"] == "/api"
            assert request.headers["X-Set"] == "a b%\"'&=|;"
            assert "User-Agent" not in request.headers
            assert answer.headers["X-Answer"] == "ü"
            assert "Server" not in answer.headers


async def test_body_limit(apps: Apps) -> None:
    app = await apps("app")
    async with Dataplane({"routes": {"a.example/": route(B0, body="1000")}}, {B0: {"i1": line(app.port)}}) as plane:
        assert (await plane.ask("a.example", method="POST", data=b"x" * 1000)).status == 200
        large = await plane.ask("a.example", method="POST", data=b"x" * 1001)
        assert (large.status, large.error) == (413, "body_too_large")

        async def chunks():  # type: ignore[no-untyped-def]
            yield b"x"

        unknown = await plane.ask("a.example", method="POST", data=chunks())
        assert (unknown.status, unknown.error) == (411, "length_required")
        assert (await plane.ask("a.example")).status == 200
        assert len(app.requests) == 2


async def test_rate_is_of_one_client_and_one_route(apps: Apps) -> None:
    app = await apps("app")
    routes = {"a.example/": route(B0, rate="5", id="r1"), "b.example/": route(B0, rate="5", id="r2")}
    async with Dataplane({"routes": routes}, {B0: {"i1": line(app.port)}}) as plane:
        answers = [await plane.ask("a.example") for _ in range(8)]
        assert [answer.status for answer in answers] == [200] * 5 + [429] * 3
        assert (answers[-1].error, answers[-1].headers["Retry-After"]) == ("rate_limited", "10")
        assert (await plane.ask("b.example")).status == 200


async def test_split_by_weight_and_sticky(apps: Apps) -> None:
    named = {backend: await apps(name) for backend, name in ((B0, "blue"), (B1, "green"), (B2, "off"))}
    servers = {backend: {f"i-{app.name}": line(app.port)} for backend, app in named.items()}
    split = f"3:{B0},1:{B1},0:{B2}"
    routes = {"a.example/": route(B0, split=split), "s.example/x/": route(B0, split=split, sticky="/x")}
    async with Dataplane({"routes": routes}, servers) as plane:
        asked = await asyncio.gather(*(plane.ask("a.example") for _ in range(400)))
        counts = Counter(answer.text for answer in asked)
        assert set(counts) == {"blue", "green"}
        assert 50 < counts["green"] < 150
        for _ in range(10):
            first = await plane.ask("s.example", "/x")
            cookie = first.headers["Set-Cookie"]
            name, _, value = cookie.partition(";")[0].partition("=")
            assert cookie == f"{name}={value}; Path=/x; HttpOnly; SameSite=Lax"
            again = [await plane.ask("s.example", "/x", Cookie=f"a=b; {name}={value}; c=d") for _ in range(3)]
            assert {answer.text for answer in again} == {first.text}
            assert not any("Set-Cookie" in answer.headers for answer in again)
        secure = await plane.ask("s.example", "/x", tls=True)
        assert secure.headers["Set-Cookie"].endswith("; Secure")


async def test_sticky_goes_elsewhere_when_its_server_is_out(apps: Apps) -> None:
    one, two = await apps("one"), await apps("two")
    servers = {B0: {"i1": line(one.port), "i2": line(two.port)}}
    async with Dataplane({"routes": {"a.example/": route(B0, sticky="/")}}, servers) as plane:
        for cookie in ("grille_instance=i1", "grille_instance=nobody; grille_instance=i1"):
            assert {(await plane.ask("a.example", Cookie=cookie)).text for _ in range(4)} == {"one"}
        await plane.command(f"set server {B0}/i1 state drain")
        assert (await plane.ask("a.example", Cookie="grille_instance=i1")).text == "one"
        await plane.command(f"set server {B0}/i1 state maint")
        moved = await plane.ask("a.example", Cookie="grille_instance=i1")
        assert (moved.text, moved.headers["Set-Cookie"].partition(";")[0]) == ("two", "grille_instance=i2")
        for nonsense in ("_wait", "../x", "http-00001/i1", "", "%00", "x" * 3000):
            answer = await plane.ask("a.example", Cookie=f"grille_instance={nonsense}")
            assert answer.text == "two"


async def test_maintenance_and_reply() -> None:
    routes = {"a.example/": route("?", maint="1"), "a.example/.well-known/x/": route("?", reply="token.print")}
    async with Dataplane({"routes": routes}) as plane:
        down = await plane.ask("a.example")
        assert (down.status, down.error, down.headers["Retry-After"]) == (503, "maintenance", "120")
        answer = await plane.ask("a.example", "/.well-known/x")
        assert (answer.status, answer.text, answer.headers["Content-Type"]) == (200, "token.print", "text/plain")


async def test_timeouts(apps: Apps) -> None:
    routes = {"a.example/": route(B0, t="300", idle="1200"), "b.example/": route(B1, t="300")}
    async with Port(close=False) as silent:
        servers = {B0: {"i1": line(silent.port)}, B1: {"i1": line(silent.port)}}
        async with Dataplane({"routes": routes}, servers) as plane:
            loop = asyncio.get_running_loop()
            for headers, least, most in (({}, 0.25, 0.9), ({"Accept": "text/event-stream"}, 1.1, 2.0)):
                began = loop.time()
                late = await plane.ask("a.example", **headers)
                assert (late.status, late.error) == (504, "app_timeout")
                assert least < loop.time() - began < most


async def test_pages_of_the_app(apps: Apps) -> None:
    pages = {
        "app/error": base64.b64encode(b"<p>ours: %[src] \xc3\xbc</p>").decode(),
        "app/maintenance": base64.b64encode(b"<p>" + b"x" * 9000).decode(),
    }
    routes = {
        "a.example/": f"{B0}|app",
        "b.example/": f"{B0}|other",
        "n.example/": "-|app",
        "m.example/": route("?", maint="1"),
    }
    async with (
        Port(answers=b"nonsense\r\n\r\n") as bad,
        Dataplane({"routes": routes, "pages": pages}, {B0: {"i1": line(bad.port)}}) as plane,
    ):
        own = await plane.ask("a.example", method="POST")
        assert (own.status, own.error, own.text) == (502, "bad_gateway", "<p>ours: %[src] ü</p>")
        assert "Bad answer" in (await plane.ask("b.example", method="POST")).text
        assert (await plane.ask("n.example")).text == own.text
        assert len((await plane.ask("m.example")).body) == 9003
        await plane.command(f"del map {plane.folder}/pages.map app/error")
        assert "Nothing runs here" in (await plane.ask("n.example")).text


async def test_concurrency_makes_others_wait(apps: Apps) -> None:
    app = await apps("app", delay=0.2)
    async with Dataplane({"routes": {"a.example/": f"{B0}|app"}}, {B0: {"i1": line(app.port, concurrency=2)}}) as plane:
        most = now = 0

        async def counted(request: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0.05)
            now -= 1
            return aiohttp.web.Response(text="app")

        await app.stop()
        app._answer = counted  # type: ignore[method-assign]
        await app.start()
        answers = await asyncio.gather(*(plane.ask("a.example") for _ in range(20)))
        assert {answer.status for answer in answers} == {200}
        assert most == 2


async def test_compression_in_its_class_alone(apps: Apps) -> None:
    async def long(request: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
        return aiohttp.web.Response(text="x" * 5000)

    app = await apps("app")
    await app.stop()
    app._answer = long  # type: ignore[method-assign]
    await app.start()
    routes = {"a.example/": "zip-00000|app", "b.example/": f"{B3}|app"}
    servers = {"zip-00000": {"i1": line(app.port)}, B3: {"i1": line(app.port)}}
    async with Dataplane({"routes": routes}, servers) as plane:
        zipped = await plane.ask("a.example", Accept_Encoding="gzip")
        assert (zipped.headers.get("Content-Encoding"), len(zipped.text)) == ("gzip", 5000)
        assert "Content-Encoding" not in (await plane.ask("b.example", Accept_Encoding="gzip")).headers
        assert "Content-Encoding" not in (await plane.ask("a.example", Accept_Encoding="identity")).headers
