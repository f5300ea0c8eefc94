"""What a router tells of a real HAProxy: metrics, the access log, who is busy."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from grille.router.telling import follow
from tests.services.router.teller import Teller

SHOP = 'app="shop",process="web",service="shop-web",variant=""'
BLOG = 'app="blog",process="web",service="blog-web",variant="h2c"'


@pytest.fixture
async def teller() -> AsyncIterator[Teller]:
    running = Teller()
    try:
        yield await running.start()
    finally:
        await running.stop()


def value(text: str, series: str) -> float:
    (found,) = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{series} ")]
    return float(found)


async def lines(teller: Teller, query: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(await teller.text(f"/log?{query}"))["lines"]
    return found


async def test_metrics_by_app_process_variant_and_instance(teller: Teller) -> None:
    teller.shop.delay = 0.05
    for _ in range(5):
        assert await teller.get("shop.example", "/slow") == 200
    assert await teller.get("blog.example") == 503
    assert await teller.get("nobody.example") == 404
    text = await teller.text("/metrics")

    assert value(text, f"grille_router_requests_total{{{SHOP}}}") == 5
    assert value(text, 'grille_router_responses_total{app="shop",code="2xx",' + SHOP.split(",", 1)[1] + "}") == 5
    assert value(text, f"grille_router_servers{{{SHOP}}}") == 1
    assert value(text, f"grille_router_sent_bytes_total{{{SHOP}}}") > 500
    assert value(text, f"grille_router_connect_errors_total{{{BLOG}}}") >= 1
    shop = 'app="shop",host="h1",instance="shop-web-1"'
    assert (
        value(text, f'grille_router_instance_requests_total{{{shop},process="web",service="shop-web",variant=""}}') == 5
    )
    assert value(text, f'grille_router_instance_up{{{shop},process="web",service="shop-web",variant=""}}') == 1
    assert f'grille_router_instance_check{{{shop},process="web",result="L4OK"' in text
    assert value(text, 'grille_router_frontend_responses_total{code="4xx",frontend="web"}') == 1
    assert 0.05 <= value(text, 'grille_router_latency_seconds{app="shop",quantile="0.5"}') < 1
    assert value(text, 'grille_router_request_rate{app="shop"}') > 0
    assert "grille_router_instance_" not in await teller.text("/metrics?instances=0")


async def test_counters_go_on_over_a_restart_of_haproxy(teller: Teller) -> None:
    for _ in range(3):
        await teller.get("shop.example")
    assert value(await teller.text("/metrics"), f"grille_router_requests_total{{{SHOP}}}") == 3
    teller.kill()
    async with teller.ask("/metrics") as answer:
        assert answer.status in (200, 503)  # a look that is a second old will do
    await asyncio.sleep(1.1)
    async with teller.ask("/metrics") as answer:
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (503, "unavailable")
    await teller.start_haproxy()
    await teller.get("shop.example")
    assert value(await teller.text("/metrics"), f"grille_router_requests_total{{{SHOP}}}") == 4


async def test_the_log_is_of_the_app_alone_and_cannot_be_forged(teller: Teller) -> None:
    await teller.get("shop.example", '/a"b?status=200%0Aat=error', **{"X-Request-Id": "abc-123"})
    await teller.get("blog.example", "/shop")
    await teller.get("shop.example", "/" + "x" * 3000)
    shop = await lines(teller, "app=shop")
    assert [line["stream"] for line in shop] == ["router", "router"]
    first = str(shop[0]["text"])
    assert first.startswith("at=info method=GET path=")
    assert "host=shop.example request_id=abc-123 " in first
    assert "instance=shop-web-1 " in first
    assert " status=200 " in first
    assert len(await lines(teller, "app=shop&tail=1")) == 1
    (blog,) = await lines(teller, "app=blog")
    assert str(blog["text"]).startswith("at=error code=app_unavailable ")
    assert await lines(teller, "app=none") == []


async def test_bad_questions_are_refused(teller: Teller) -> None:
    for path, status in {
        "/log": 400,
        "/log?app=a%20b": 400,
        "/log?app=shop&tail=0": 400,
        "/log?app=shop&tail=1e9": 400,
        "/top?by=size": 400,
        "/top?limit=-1": 400,
    }.items():
        async with teller.ask(path) as answer:
            assert answer.status == status, path
            assert (await answer.json(content_type=None))["remedy"]
    for path in ("/log?app=shop", "/metrics", "/metrics/haproxy", "/top"):
        async with teller.ask(path, token="wrong") as answer:
            assert answer.status == 401, path


async def read(stream: aiohttp.StreamReader, count: int) -> list[str]:
    async with asyncio.timeout(10):
        return [json.loads(await stream.readline())["text"].split('path="')[1].split('"')[0] for _ in range(count)]


async def test_followers_see_what_was_and_what_comes_once(teller: Teller) -> None:
    await teller.get("shop.example", "/before")
    async with teller.ask("/log?app=shop&tail=5&follow=1") as one, teller.ask("/log?app=shop&follow=1") as other:
        assert await read(one.content, 1) == await read(other.content, 1) == ["/before"]
        for number in range(20):
            await teller.get("blog.example", "/other")
            await teller.get("shop.example", f"/{number}")
        expected = [f"/{number}" for number in range(20)]
        assert await read(one.content, 20) == await read(other.content, 20) == expected
        assert teller.pages.followers == 2

        teller.kill()  # HAProxy comes back, and the lines with it
        await teller.start_haproxy()
        await asyncio.sleep(follow.RETRY * 2)
        await teller.get("shop.example", "/again")
        assert await read(one.content, 1) == ["/again"]


async def test_a_slow_follower_costs_itself_lines_and_nobody_else(teller: Teller) -> None:
    hub = follow.Hub(str(teller.folder / "haproxy.sock"))
    with hub.follow("shop") as slow, hub.follow("shop") as quick:
        await hub.reading(5)
        await teller.get("shop.example", "/0")
        (sample,) = await quick.take(5)
        for _ in range(follow.QUEUE + 10):
            slow.offer(sample.encode())
        await teller.get("shop.example", "/1")
        assert "/1" in (await quick.take(5))[0]
        assert len(await slow.take(5)) == follow.QUEUE
        assert slow.missed() == 12  # with the two requests' own lines
        assert slow.missed() == 0
    assert hub.followers == 0


async def test_followers_go_over_to_the_haproxy_that_takes_over(teller: Teller) -> None:
    other = Teller()
    link = teller.folder / "link.sock"
    link.symlink_to(teller.folder / "haproxy.sock")
    hub = follow.Hub(str(link))
    try:
        await other.start()
        with hub.follow("shop") as follower:
            await hub.reading(5)
            await teller.get("shop.example", "/before")
            assert "/before" in (await follower.take(5))[0]
            link.unlink()
            link.symlink_to(other.folder / "haproxy.sock")
            await asyncio.sleep(follow.LOOK * 2 + follow.RETRY)
            await other.get("shop.example", "/after")
            assert "/after" in (await follower.take(5))[0]
    finally:
        await other.stop()


async def test_only_so_many_follow(teller: Teller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MOST_FOLLOWERS", 1)
    await teller.get("shop.example")
    async with teller.ask("/log?app=shop&follow=1") as one:
        await one.content.readline()
        async with teller.ask("/log?app=shop&follow=1") as other:
            assert (other.status, (await other.json(content_type=None))["code"]) == (429, "too_many_followers")


async def test_top_orders_services_by_what_was_asked(teller: Teller) -> None:
    first = asyncio.create_task(teller.text("/top?by=errors"))  # nobody asked before: it looks twice
    await asyncio.sleep(0.5)
    for _ in range(6):
        await teller.get("shop.example")
    for _ in range(3):
        await teller.get("blog.example")
    told = json.loads(await first)
    assert [one["service"] for one in told["services"]] == ["blog-web", "shop-web"]
    assert 2.0 <= told["seconds"] < 5.0
    blog, shop = told["services"]
    assert (blog["variant"], blog["app"], blog["routes"]) == ("h2c", "blog", ["blog.example/"])
    assert blog["errors"] > 0
    assert shop["errors"] == 0
    assert shop["requests"] > blog["requests"] > 0
    assert shop["servers"] == 1

    teller.shop.delay = 0.9  # HAProxy waits for a second here
    await asyncio.sleep(1.1)  # no look is younger than this
    waiting = asyncio.create_task(teller.get("shop.example", "/slow"))
    await asyncio.sleep(0.2)
    (only,) = json.loads(await teller.text("/top?by=sessions&limit=1"))["services"]
    assert (only["service"], only["sessions"]) == ("shop-web", 1)
    assert await waiting == 200


async def test_haproxys_own_exporter_asks_for_the_token(teller: Teller) -> None:
    await teller.get("shop.example")
    text = await teller.text("/metrics/haproxy?scope=server")
    assert 'haproxy_server_status{proxy="http-00000",server="shop-web-1",state="UP"} 1' in text
    assert "haproxy_process_" not in text
    teller.kill()
    async with teller.ask("/metrics/haproxy") as answer:
        assert (answer.status, (await answer.json(content_type=None))["code"]) == (503, "unavailable")
