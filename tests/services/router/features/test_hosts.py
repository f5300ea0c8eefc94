"""Which route takes a request: exact hosts before wildcards before the catch-all, longest path first."""

from __future__ import annotations

import pytest

from tests.services.router.features.client import connect, get
from tests.services.router.features.origin import Origin, Start, told
from tests.services.router.records import http
from tests.services.router.rig import Router

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def lead(router: Router, start: Start, *routes: tuple[str, str]) -> dict[str, Origin]:
    """Routes (host, path), each to an app of its own that is called after both."""
    origins = {}
    for number, (host, path) in enumerate(routes):
        service = f"{host.replace('*', 'any').replace('.', '-')}-{number}"
        origins[f"{host} {path}"] = await start(service, service)
        await router.lay(http(host, service, path))
    return {origin.name: origin for origin in origins.values()}


async def answers(router: Router, host: str, path: str = "/") -> str:
    """The host and number of the route that took it, in its app's name; the status when none did."""
    async with connect(router.http) as wire:
        reply = await wire.ask(get(host, path))
        return told(reply.body)["name"] if reply.status == 200 else str(reply.status)


async def test_exact_hosts_come_before_wildcards_and_longer_wildcards_before_shorter(
    router: Router, start: Start
) -> None:
    routes = [("a.w.example", "/"), ("*.w.example", "/"), ("*.b.w.example", "/"), ("w.example", "/")]
    await lead(router, start, *routes)
    assert await answers(router, "a.w.example") == "a-w-example-0"
    assert await answers(router, "c.w.example") == "any-w-example-1"
    assert await answers(router, "x.y.w.example") == "any-w-example-1"
    assert await answers(router, "x.a.w.example") == "any-w-example-1"
    assert await answers(router, "x.b.w.example") == "any-b-w-example-2"
    assert await answers(router, "x.y.b.w.example") == "any-b-w-example-2"
    assert await answers(router, "b.w.example") == "any-w-example-1"
    assert await answers(router, "w.example") == "w-example-3"
    assert await answers(router, "W.EXAMPLE.") == "w-example-3"


async def test_the_longest_path_wins_by_whole_segments(router: Router, start: Start) -> None:
    paths = ["/", "/a", "/a/b", "/a/b/c.d", "/A"]
    await lead(router, start, *(("p.example", path) for path in paths))
    wanted = {"/": 0, "/x": 0, "/a": 1, "/a/": 1, "/ab": 0, "/a/x": 1, "/a?x=/b": 1, "/a/b": 2, "/a/b/": 2}
    wanted |= {"/a/b/c.d": 3, "/a/b/c.d/e": 3, "/a/b/c.de": 2, "/A": 4, "/A/b": 4, "//a": 0, "/a//b": 1}
    found = {path: await answers(router, "p.example", path) for path in wanted}
    assert found == {path: f"p-example-{number}" for path, number in wanted.items()}


async def test_a_longer_path_of_a_wildcard_does_not_beat_the_exact_host(router: Router, start: Start) -> None:
    await lead(router, start, ("x.m.example", "/"), ("*.m.example", "/deep/path"))
    assert await answers(router, "x.m.example", "/deep/path") == "x-m-example-0"
    assert await answers(router, "y.m.example", "/deep/path/er") == "any-m-example-1"
    assert await answers(router, "y.m.example", "/") == "404"


async def test_a_host_with_only_a_path_falls_back_to_its_wildcard_elsewhere(router: Router, start: Start) -> None:
    """A request that no path of its exact host takes is the wildcard's, and at last the catch-all's."""
    await lead(router, start, ("x.f.example", "/api"), ("*.f.example", "/"))
    assert await answers(router, "x.f.example", "/api/1") == "x-f-example-0"
    assert await answers(router, "x.f.example", "/other") == "any-f-example-1"


async def test_the_catch_all_takes_what_is_left(router: Router, start: Start) -> None:
    await lead(router, start, ("known.example", "/"))
    await start("all-web", "all-web")
    route = http("*", "all-web")
    await router.lay(route)
    assert await answers(router, "anything.invalid") == "all-web"
    assert await answers(router, "localhost", "/x/y") == "all-web"
    assert await answers(router, "127.0.0.1") == "all-web"
    assert await answers(router, "known.example") == "known-example-0"
    await router.remove(route)
    assert await answers(router, "anything.invalid") == "404"


async def test_of_two_routes_for_one_place_the_older_stands_until_it_goes(router: Router, start: Start) -> None:
    await start("older-web", "older")
    await start("newer-web", "newer")
    older = http("two.example", "older-web", id="two-a", created=1.0)
    newer = http("two.example", "newer-web", id="two-b", created=2.0)
    await router.lay(older)
    status = await router.acknowledged(await router.put(newer))
    assert "routes/two-b" in status.refused
    assert await answers(router, "two.example") == "older"
    await router.remove(older)
    assert await answers(router, "two.example") == "newer"
