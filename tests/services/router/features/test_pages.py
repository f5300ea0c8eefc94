"""An app's own pages: for maintenance, and for what goes wrong; and Grille's, where it has none."""

from __future__ import annotations

import asyncio

import pytest

from grille.wire.routing import AppRouting
from tests.services.router.features.client import connect, get
from tests.services.router.features.load import Asking
from tests.services.router.features.origin import Raw, Start
from tests.services.router.records import http, instance
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = "<html><body><h1>Back soon: {} €, “quoted”, %[src] $x; \\n</h1><p>Second part</p></body></html>"


async def test_maintenance_is_switched_on_and_off_for_one_app(router: Router, start: Start) -> None:
    origin = await start("shop-web")
    await start("blog-web")
    page = PAGE.format("shop")
    await router.lay(
        AppRouting(app="shop", maintenance_page=page),
        http("shop.example", "shop-web", app="shop"),
        http("blog.example", "blog-web", app="blog"),
    )
    assert (await router.get("shop.example"))[0] == 200
    async with Asking(router.http, "blog.example") as neighbour:
        await router.lay(AppRouting(app="shop", maintenance=True, maintenance_page=page))
        before = len(origin.requests)
        for path in ("/", "/any/path?x=1"):
            assert await router.get("shop.example", path) == (503, page)
        assert len(origin.requests) == before
        await router.lay(AppRouting(app="shop", maintenance_page=page))
        assert (await router.get("shop.example"))[0] == 200
        await asyncio.sleep(0.2)
    assert neighbour.failed == []


async def test_maintenance_without_a_page_has_grilles(router: Router, start: Start) -> None:
    await start("bare-web")
    await router.lay(AppRouting(app="bare", maintenance=True), http("bare.example", "bare-web", app="bare"))
    status, text = await router.get("bare.example")
    assert status == 503
    assert "maintenance" in text.lower()


async def test_maintenance_holds_for_an_app_without_an_instance(router: Router) -> None:
    page = PAGE.format("none")
    await router.lay(
        AppRouting(app="idle", maintenance=True, maintenance_page=page), http("idle.example", "idle-web", app="idle")
    )
    assert await router.get("idle.example") == (503, page)


async def test_an_apps_error_page_stands_for_the_routers_errors_not_for_the_apps(router: Router) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/own" in head:
            writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nown")
        elif b"/nonsense" in head:
            writer.write(b"this is no HTTP\r\n\r\n")
        else:
            await asyncio.sleep(30)

    page = PAGE.format("error")
    async with Raw(script) as app:
        await router.lay(
            AppRouting(app="err", error_page=page),
            instance("err-web", "one", app.port),
            http("err.example", "err-web", app="err", timeout=0.5),
            http("noerr.example", "err-web", app="noerr", timeout=0.5),
            http("empty-err.example", "empty-web", app="err"),
        )
        assert await router.get("err.example", "/own") == (500, "own")
        assert await router.get("err.example", "/silent") == (504, page)
        assert await router.get("err.example", "/nonsense") == (502, page)
        assert await router.get("empty-err.example") == (503, page)
        status, text = await router.get("noerr.example", "/silent")
        assert status == 504
        assert "app_timeout" in text


async def test_pages_are_html_and_say_which_error_it_was(router: Router) -> None:
    page = PAGE.format("kind")
    await router.lay(AppRouting(app="kind", error_page=page), http("kind.example", "kind-web", app="kind"))
    async with connect(router.http) as wire:
        reply = await wire.ask(get("kind.example"))
    assert reply.status == 503
    assert reply.header("content-type").startswith("text/html")
    assert reply.header("x-grille-error") == "no_instance"
    assert reply.body.decode() == page


async def test_pages_change_and_go_again(router: Router) -> None:
    await router.lay(http("turn.example", "turn-web", app="turn"))
    own = (await router.get("turn.example"))[1]
    for number in range(3):
        page = PAGE.format(number)
        await router.lay(AppRouting(app="turn", error_page=page))
        assert await router.get("turn.example") == (503, page)
    await router.remove(AppRouting(app="turn"))
    assert await router.get("turn.example") == (503, own)


async def test_pages_of_many_lines_mean_the_same_in_one(router: Router) -> None:
    page = "<html>\n<body>\r\n<pre>a\nb</pre>\n<script>// one\nlet x = 1\n</script>\t</body></html>"
    await router.lay(AppRouting(app="lines", error_page=page), http("lines.example", "lines-web", app="lines"))
    _, text = await router.get("lines.example")
    assert text == "<html> <body> <pre>a&#10;b</pre> <script>// one\u2028let x = 1\u2028</script> </body></html>"
