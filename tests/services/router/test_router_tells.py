"""What the daemon tells with the configuration that routers have: requests that waited, log, exporter, status."""

from __future__ import annotations

import asyncio
import json

from tests.services.router.conftest import Apps
from tests.services.router.rig import Router

WEB = 'app="",process="",service="app-web",variant=""'


def value(text: str, series: str) -> float:
    (found,) = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{series} ")]
    return float(found)


async def test_a_request_that_waited_counts_once(router: Router, apps: Apps) -> None:
    first, second = await apps("first"), await apps("second")
    await router.register("app-web", first, "i1")
    await router.acknowledged(await router.route("app.example", "app-web"))
    assert await router.get("app.example") == (200, "first")

    await router.acknowledged(await router.deregister("app-web", "i1"))
    waiting = [asyncio.create_task(router.get("app.example", f"/{number}")) for number in range(5)]
    await asyncio.sleep(1.2)
    await router.acknowledged(await router.register("app-web", second, "i2"))
    assert [await each for each in waiting] == [(200, "second")] * 5
    assert await router.get("app.example") == (200, "second")
    text = await router.ask("/metrics")
    assert value(text, f"grille_router_requests_total{{{WEB}}}") == 7
    assert value(text, f'grille_router_responses_total{{app="",code="2xx",{WEB[7:]}}}') == 7

    lines = [line["text"] for line in json.loads(await router.ask("/log?app=app-web"))["lines"]]
    assert len(lines) == 7
    assert all("at=info " in line and "status=200" in line for line in lines)
    assert sum("instance=- " in line for line in lines) == 5  # they came back through the place where requests wait
    assert value(text, 'grille_router_latency_seconds{app="app-web",quantile="0.99"}') > 1.0


async def test_errors_of_the_router_are_in_the_apps_log(router: Router, apps: Apps) -> None:
    await router.acknowledged(await router.route("idle.example", "idle-web"))
    assert (await router.get("idle.example"))[0] == 503
    assert (await router.get("nobody.example"))[0] == 404
    (line,) = json.loads(await router.ask("/log?app=idle-web"))["lines"]
    assert line["text"].startswith("at=error code=no_instance_or_maintenance method=GET ")


async def test_exporter_top_and_status(router: Router, apps: Apps) -> None:
    app = await apps("app")
    await router.register("app-web", app)
    await router.acknowledged(await router.route("app.example", "app-web"))
    await router.get("app.example")
    text = await router.ask("/metrics/haproxy?scope=frontend")
    assert 'haproxy_frontend_http_requests_total{proxy="web"}' in text

    (row,) = json.loads(await router.ask("/top"))["services"]
    assert (row["service"], row["servers"], row["routes"]) == ("app-web", 1, ["app.example/"])
    status = json.loads(await router.ask("/status"))
    assert status["pools"]["http"] == {"used": 1, "free": 19}
    assert (status["handovers"], status["silent"], status["refused"], status["followers"]) == (0, [], {}, 0)
