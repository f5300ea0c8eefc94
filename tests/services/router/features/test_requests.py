"""What routes do to requests and answers: redirects, paths taken off, headers, HSTS, compression."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest
from aiohttp import web

from grille.wire.routing import Headers, Redirect
from tests.services.router.features.client import Reply, careless, connect, get
from tests.services.router.features.origin import Start, told
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def ask(router: Router, host: str, path: str = "/", *headers: str, tls: bool = False) -> Reply:
    """The answer to a GET."""
    port, context = (router.https, careless()) if tls else (router.http, None)
    async with connect(port, tls=context, name=host) as wire:
        return await wire.ask(get(host, path, *headers))


async def seen(router: Router, host: str, path: str = "/", *headers: str, tls: bool = False) -> dict[str, Any]:
    """What the app was asked."""
    reply = await ask(router, host, path, *headers, tls=tls)
    assert reply.status == 200, reply
    return told(reply.body)


async def test_https_only_sends_clear_text_clients_over(router: Router, start: Start) -> None:
    await start("secure-web")
    await router.lay(http("secure.example", "secure-web", https_only=True), http("both.example", "secure-web"))
    reply = await ask(router, "secure.example", "/a/b?c=d&e=%20f")
    assert reply.status in (301, 308)
    assert re.fullmatch(r"https://secure\.example(:\d+)?/a/b\?c=d&e=%20f", reply.header("location"))
    assert (await seen(router, "secure.example", "/a/b?c=d", tls=True))["path"] == "/a/b?c=d"
    assert (await seen(router, "both.example"))["path"] == "/"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirects_keep_path_and_query(router: Router, code: int) -> None:
    host = f"r{code}.example"
    await router.lay(
        http(host, "none-web", redirect=Redirect(to="https://www.example.org", code=code)),
        http(host, "none-web", "/old", redirect=Redirect(to="http://new.example.org:8080/base", code=code)),
    )
    reply = await ask(router, host, "/x%20y/?q=1&z=%3A//")
    assert (reply.status, reply.header("location")) == (code, "https://www.example.org/x%20y/?q=1&z=%3A//")
    reply = await ask(router, host, "/old/page?q")
    assert reply.header("location").startswith("http://new.example.org:8080/base/")
    assert reply.header("location").endswith("page?q")


async def test_paths_are_taken_off_or_kept(router: Router, start: Start) -> None:
    await start("path-web")
    await router.lay(
        http("path.example", "path-web", "/api", strip=True),
        http("path.example", "path-web", "/kept"),
        http("path.example", "path-web", "/a/b", strip=True),
    )
    taken = {"/api": "/", "/api/": "/", "/api?x=1": "/?x=1", "/api/v1?x=/api": "/v1?x=/api", "/api/api": "/api"}
    taken |= {"/api/%2e%2e/x": "/%2e%2e/x", "/a/b/c": "/c", "/kept/x?y": "/kept/x?y", "/api//x": "//x"}
    found = {path: (await seen(router, "path.example", path))["path"] for path in taken}
    assert found == taken


VALUES = ["plain", "two words", "%[src]", '"quoted" \\ back', "it's; a # $HOME ${x}", "a|b&c=d,e", "<<", "umläut €"]


async def test_headers_are_set_and_removed_to_the_letter(router: Router, start: Start) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        reply = await origin.tell(request)
        reply.headers.update({"Server": "secret/1.0", "X-Keep": "kept", "X-Over": "old"})
        return reply

    origin = await start("head-web", "one", answer)
    table = {f"X-Value-{number}": value for number, value in enumerate(VALUES)}
    both = Headers(
        request={**table, "X-Gone": "", "User-Agent": "grille"},
        response={**table, "Server": "", "X-Over": "new"},
    )
    await router.lay(http("head.example", "head-web", headers=both), http("nohead.example", "head-web"))
    sent = ("X-Gone: here", "X-Gone: twice", "X-Value-0: theirs", "User-Agent: theirs", "X-Own: own")
    reply = await ask(router, "head.example", "/", *sent)
    came, back = told(reply.body)["headers"], dict(reply.headers)
    for number, value in enumerate(VALUES):
        wire = value.encode().decode("latin-1")
        assert came[f"x-value-{number}"].encode("utf-8", "surrogateescape").decode() == value
        assert back[f"x-value-{number}"] == wire
    assert "x-gone" not in came
    assert (came["user-agent"], came["x-own"]) == ("grille", "own")
    assert "server" not in back
    assert (back["x-over"], back["x-keep"]) == ("new", "kept")
    reply = await ask(router, "nohead.example", "/", *sent)
    assert told(reply.body)["headers"]["x-gone"] == "twice"
    assert reply.header("x-over") == "old"


async def test_hsts_is_told_over_tls_only(router: Router, start: Start) -> None:
    await start("hsts-web")
    await router.lay(http("hsts.example", "hsts-web", hsts=31536000), http("nohsts.example", "hsts-web"))
    assert "max-age=31536000" in (await ask(router, "hsts.example", tls=True)).header("strict-transport-security")
    assert (await ask(router, "hsts.example")).header("strict-transport-security") == ""
    assert (await ask(router, "nohsts.example", tls=True)).header("strict-transport-security") == ""


async def test_answers_are_compressed_where_both_sides_want_it(router: Router, start: Start) -> None:
    text = "words that come again and again. " * 1000

    async def answer(request: web.BaseRequest) -> web.Response:
        kind = {"/page": "text/html", "/json": "application/json", "/image": "image/png"}[request.path]
        return web.Response(body=text.encode(), headers={"Content-Type": kind})

    await start("zip-web", "one", answer)
    await router.lay(http("zip.example", "zip-web", compress=True), http("plain.example", "zip-web"))
    for path in ("/page", "/json"):
        reply = await ask(router, "zip.example", path, "Accept-Encoding: gzip")
        assert reply.header("content-encoding") == "gzip"
        assert len(reply.body) < 4000
        assert gzip.decompress(reply.body).decode() == text
    for host, path, header in (
        ("zip.example", "/image", "Accept-Encoding: gzip"),
        ("zip.example", "/page", "X-Nothing: 1"),
        ("plain.example", "/page", "Accept-Encoding: gzip"),
    ):
        reply = await ask(router, host, path, header)
        assert (reply.header("content-encoding"), reply.body.decode()) == ("", text)


async def test_apps_learn_where_a_request_came_from(router: Router, start: Start) -> None:
    await start("from-web")
    await router.lay(http("from.example", "from-web"))
    forged = ("X-Forwarded-Proto: https", "X-Forwarded-Port: 1", "X-Request-Start: t=1", "X-Forwarded-For: 192.0.2.1")
    headers = (await seen(router, "from.example", "/", *forged, "X-Request-Id: short"))["headers"]
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-port"] == str(router.http)
    assert re.fullmatch(r"t=1\d{12}", headers["x-request-start"])
    assert headers["x-forwarded-for"].endswith("127.0.0.1")
    assert len(headers["x-request-id"]) == 36
    own = "0123456789-abcdefghijklmnop"
    headers = (await seen(router, "from.example", "/", f"X-Request-Id: {own}", tls=True))["headers"]
    assert (headers["x-request-id"], headers["x-forwarded-proto"]) == (own, "https")
    assert headers["x-forwarded-port"] == str(router.https)
    assert headers["x-forwarded-for"] == "127.0.0.1"
