"""Hosts that fall silent: their servers are taken for dead, and never because the router itself was cut off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable

from grille.codec import encode
from grille.router.desired import Table
from grille.router.model import Actual, Endpoint, Name, Server
from grille.router.pool import WAIT
from grille.router.silence import Silence, answers, representatives
from grille.store import Entry, Event
from grille.wire import keys
from grille.wire.specs import Instance


class World:
    """Two hosts, ``a`` with two instances and ``b`` with one, behind one service; ``dead`` addresses say nothing."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.down: list[set[Name]] = []
        self.asked: list[str] = []
        self.table = Table()
        places = {"a1": ("a", "10.0.1.1"), "a2": ("a", "10.0.1.2"), "b1": ("b", "10.0.2.1")}
        for ident, (host, address) in places.items():
            instance = Instance(id=ident, service="web", address=address, port=80, host=host)
            entry = Entry(keys.instance("web", ident), encode(instance), 1, 1, 1)
            self.table.apply([Event("put", entry)])
        servers = {ident: Server(Endpoint(address, 80), "ready") for ident, (_, address) in places.items()}
        self.actual = Actual(backends={"http-00000": {WAIT: Server(Endpoint("-", 0), "ready"), **servers}})
        self.actual.maps["services"] = {"web": "http-00000"}

    def take_down(self, names: Iterable[Name]) -> None:
        self.down.append(set(names))

    async def probe(self, endpoint: Endpoint, timeout: float) -> bool:
        self.asked.append(endpoint.address)
        return endpoint.address not in self.dead


async def look(silence: Silence, times: int = 1) -> None:
    for _ in range(times):
        await silence.look(asyncio.get_running_loop().time())


async def test_the_servers_of_a_silent_host_are_taken_down_once() -> None:
    world = World()
    silence = Silence(world, world.probe)
    world.dead = {"10.0.1.1", "10.0.1.2"}
    await look(silence, 3)
    assert world.down == [{("http-00000", "a1"), ("http-00000", "a2")}]
    assert list(silence.silent) == ["a"]
    world.dead = set()
    await look(silence)
    assert silence.silent == {}
    world.dead = {"10.0.1.1", "10.0.1.2"}
    await look(silence)
    assert len(world.down) == 2


async def test_a_host_with_one_instance_that_answers_is_alive() -> None:
    world = World()
    silence = Silence(world, world.probe)
    world.dead = {"10.0.1.1"}
    await look(silence, 5)
    assert world.down == []


async def test_when_all_are_silent_nobody_is_taken_down() -> None:
    world = World()
    silence = Silence(world, world.probe)
    world.dead = {"10.0.1.1", "10.0.1.2", "10.0.2.1"}
    await look(silence, 5)
    assert world.down == []


async def test_a_server_that_comes_to_a_silent_host_goes_down_too() -> None:
    world = World()
    silence = Silence(world, world.probe)
    world.dead = {"10.0.2.1", "10.0.2.2"}
    await look(silence)
    world.actual.backends["http-00000"]["b2"] = Server(Endpoint("10.0.2.2", 80), "ready")
    instance = Instance(id="b2", service="web", address="10.0.2.2", port=80, host="b")
    world.table.apply([Event("put", Entry(keys.instance("web", "b2"), encode(instance), 2, 2, 1))])
    await look(silence)
    assert world.down == [{("http-00000", "b1")}, {("http-00000", "b2")}]


async def test_a_refusal_is_an_answer() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = Endpoint("127.0.0.1", taken.getsockname()[1])
        assert await answers(closed, 1.0)
        taken.listen()
        assert await answers(closed, 1.0)


def test_different_addresses_are_asked() -> None:
    two = representatives([Endpoint("10.0.0.1", 1), Endpoint("10.0.0.1", 2), Endpoint("10.0.0.2", 1)])
    assert {endpoint.address for endpoint in two} == {"10.0.0.1", "10.0.0.2"}
    assert representatives([Endpoint("10.0.0.1", 1)]) == [Endpoint("10.0.0.1", 1)] * 2
