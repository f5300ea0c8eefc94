"""Which app answers: hosts, paths, pages for what nobody answers, headers, TLS."""

from __future__ import annotations

import json

from tests.services.router.conftest import Apps
from tests.services.router.rig import Load, Router


async def test_longest_path_wins_and_hosts_are_exact(router: Router, apps: Apps) -> None:
    shop, blog = await apps("shop"), await apps("blog")
    await router.register("shop-web", shop)
    await router.register("blog-web", blog)
    await router.route("a.example", "shop-web")
    revision = await router.route("a.example", "blog-web", "/blog")
    await router.acknowledged(revision)

    assert await router.get("a.example") == (200, "shop")
    assert await router.get("A.Example.:8080", "/blogs") == (200, "shop")
    assert await router.get("a.example", "/blog") == (200, "blog")
    assert await router.get("a.example", "/blog/2024?x=/y") == (200, "blog")
    assert (await router.get("b.a.example"))[0] == 404
    assert (await router.get("a.example.org"))[0] == 404

    table = json.loads(await router.ask("/routes"))["routes"]
    assert [(row["path"], row["service"], list(row["servers"])) for row in table] == [
        ("/", "shop-web", ["shop"]),
        ("/blog", "blog-web", ["blog"]),
    ]


async def test_pages_say_what_is_missing(router: Router) -> None:
    await router.acknowledged(await router.route("idle.example", "idle-web"))

    status, text = await router.get("nobody.example")
    assert status == 404
    assert "no_route" in text
    assert "nobody.example" in text
    status, text = await router.get("nobody.example<script>")
    assert status == 400
    assert "<script>" not in text
    status, text = await router.get("idle.example")
    assert status == 503
    assert "%0A" not in text
    assert "no_instance" in text


async def test_requests_carry_the_headers_over_tls_too(router: Router, apps: Apps) -> None:
    app = await apps("app")
    await router.register("app-web", app)
    await router.acknowledged(await router.route("app.example", "app-web"))

    sent = {"Host": "app.example", "X-Forwarded-Proto": "gopher", "X-Request-Id": "short", "Proxy": "evil"}
    url = f"https://127.0.0.1:{router.https}/"
    async with router.client.get(url, headers=sent, ssl=False) as answer:
        assert await answer.text() == "app"
    headers = app.requests[-1].headers
    assert headers["X-Forwarded-Proto"] == "https"
    assert headers["X-Forwarded-Port"] == str(router.https)
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert headers["X-Request-Start"].startswith("t=1")
    assert len(headers["X-Request-Id"]) == 36
    assert "Proxy" not in headers


async def test_bad_records_hurt_nobody_else(router: Router, apps: Apps) -> None:
    app = await apps("app")
    await router.store.put("services/bad-web/x", b'{"id": "x", "service": "bad-web", "address": "a b", "port": 1}')
    await router.store.put("routes/broken", b"not json")
    await router.register("app-web", app)
    await router.route("bad.example", "bad-web")
    status = await router.acknowledged(await router.route("app.example", "app-web"))
    assert set(status.refused) == {"services/bad-web/x", "routes/broken"}
    assert await router.get("app.example") == (200, "app")
    assert (await router.get("bad.example"))[0] == 503


async def test_a_pool_that_runs_short_is_made_larger_without_a_failed_request(router: Router, apps: Apps) -> None:
    app = await apps("app")
    await router.register("app-web", app)
    first = await router.acknowledged(await router.route("app.example", "app-web"))
    async with Load(router, "app.example", 100) as load:
        for number in range(30):
            await router.register(f"s{number:02d}-web", app, f"i{number:02d}")
            revision = await router.route(f"s{number:02d}.example", f"s{number:02d}-web")
        last = await router.status(lambda status: status.handovers == 1 and status.revision >= revision, timeout=30)
        await router.status(lambda status: status.pid != first.pid and not status.refused, timeout=30)
        answers = [(await router.get(f"s{number:02d}.example"))[0] for number in range(30)]

    assert answers == [200] * 30
    assert load.failures == []
    assert last.handover.startswith("pool http: ")
    status = json.loads(await router.ask("/status"))
    assert status["pools"]["http"]["free"] > 0
    assert status["unplaced"] == []


async def test_metrics_count_per_service(router: Router, apps: Apps) -> None:
    app = await apps("app")
    await router.register("app-web", app)
    await router.acknowledged(await router.route("app.example", "app-web"))
    for _ in range(3):
        await router.get("app.example")

    text = await router.ask("/metrics")
    service = 'app="",process="",service="app-web",variant=""'
    assert f"grille_router_requests_total{{{service}}} 3.0" in text
    assert f"grille_router_servers{{{service}}} 1.0" in text
    assert 'grille_router_responses_total{app="",code="2xx",process="",service="app-web",variant=""} 3.0' in text
