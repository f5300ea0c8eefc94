"""Which certificate a client is shown, and certificates that come, change and go while clients connect."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.services.router.certificates import certificate, fingerprint, shown
from tests.services.router.features.client import careless, connect, get, trusting
from tests.services.router.features.origin import Start
from tests.services.router.records import http
from tests.services.router.rig import Router
from tests.support.authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_name_asked_for_chooses_among_certificates(router: Router, authority: Authority) -> None:
    default = await shown(router, "nobody.example")
    exact = certificate(router, authority, "exact", "a.example", "b.example")
    wild = certificate(router, authority, "wild", "*.a.example")
    both = certificate(router, authority, "both", "c.example", "*.c.example")
    special = certificate(router, authority, "special", "special.c.example")
    await router.lay(exact, wild, both, special)
    wanted = {
        "a.example": exact,
        "B.Example": exact,
        "x.a.example": wild,
        "c.example": both,
        "x.c.example": both,
        "special.c.example": special,
    }
    assert {name: await shown(router, name) for name in wanted} == {
        name: each.fingerprint for name, each in wanted.items()
    }
    for unknown in ("nobody.example", "example", "x.b.example", "a.example.org", "127.0.0.1"):
        assert await shown(router, unknown) == default


async def test_a_client_that_names_nobody_is_shown_the_default(router: Router, authority: Authority) -> None:
    default = await shown(router, "nobody.example")
    await router.lay(certificate(router, authority, "named", "named.example"))
    assert await shown(router, "") == default


async def test_a_certificate_taken_away_leaves_the_default(router: Router, authority: Authority) -> None:
    default = await shown(router, "nobody.example")
    brief = certificate(router, authority, "brief", "brief.example")
    for _ in range(3):
        await router.lay(brief)
        assert await shown(router, "brief.example") == brief.fingerprint
        await router.remove(brief)
        assert await shown(router, "brief.example") == default


async def test_domains_move_between_certificates(router: Router, authority: Authority) -> None:
    one = certificate(router, authority, "mover", "one.move.example", "two.move.example", "three.move.example")
    default = await shown(router, "nobody.example")
    await router.lay(replace(one, domains=["one.move.example", "two.move.example"]))
    assert await shown(router, "two.move.example") == one.fingerprint
    await router.lay(replace(one, domains=["one.move.example", "three.move.example"]))
    assert await shown(router, "one.move.example") == one.fingerprint
    assert await shown(router, "two.move.example") == default
    assert await shown(router, "three.move.example") == one.fingerprint


class Handshakes:
    """New TLS connections with a request each, verified, one after the other, by some clients at a time."""

    def __init__(self, router: Router, ca: str, host: str) -> None:
        self._router, self._context, self._host = router, trusting(ca), host
        self.seen: list[tuple[float, str]] = []
        self.failed: list[str] = []

    @contextlib.asynccontextmanager
    async def going(self) -> AsyncIterator[Handshakes]:
        """While the block lasts."""
        end = asyncio.Event()
        tasks = [asyncio.create_task(self._client(end)) for _ in range(4)]
        yield self
        end.set()
        await asyncio.gather(*tasks)

    async def _client(self, end: asyncio.Event) -> None:
        while not end.is_set():
            try:
                await self._one()
            except (OSError, EOFError, TimeoutError, AssertionError) as error:
                self.failed.append(repr(error))
            await asyncio.sleep(0.01)

    async def _one(self) -> None:
        begun = time.monotonic()
        async with connect(self._router.https, tls=self._context, name=self._host) as wire:
            self.seen.append((begun, fingerprint(wire.writer.get_extra_info("ssl_object").getpeercert(True))))
            assert (await wire.ask(get(self._host))).status == 200


async def test_a_certificate_replaced_under_load_fails_no_handshake(
    router: Router, start: Start, authority: Authority
) -> None:
    await start("fresh-web")
    first = certificate(router, authority, "fresh", "fresh.example")
    await router.lay(http("fresh.example", "fresh-web"), first)
    known, stale = [first.fingerprint], []
    async with Handshakes(router, authority.ca, "fresh.example").going() as handshakes:
        for _ in range(12):
            each = certificate(router, authority, "fresh", "fresh.example")
            await router.lay(each)
            since = time.monotonic()
            known.append(each.fingerprint)
            await asyncio.sleep(0.2)
            stale += [found for begun, found in handshakes.seen if begun >= since and found != each.fingerprint]
    assert handshakes.failed == []
    assert stale == []
    assert {found for _, found in handshakes.seen} <= set(known)
    assert len(handshakes.seen) > 50
    (listed,) = router.runtime("show ssl cert")
    assert listed.count("fresh") == 1


async def test_hundreds_of_certificates_at_once_disturb_no_neighbour(
    router: Router, start: Start, authority: Authority
) -> None:
    await start("still-web")
    await router.lay(http("still.example", "still-web"), certificate(router, authority, "still", "still.example"))
    many = [certificate(router, authority, f"many-{number}", f"many-{number}.example") for number in range(100)]
    async with Handshakes(router, authority.ca, "still.example").going() as handshakes:
        await router.lay(*many)
        for each in many[::10]:
            assert await shown(router, each.domains[0]) == each.fingerprint
        await router.remove(*many)
    assert handshakes.failed == []


async def test_what_does_not_fit_is_refused_and_the_one_before_stays(router: Router, authority: Authority) -> None:
    good = certificate(router, authority, "good", "good.example")
    await router.lay(good)
    other = certificate(router, authority, "other", "other.example")
    wrong = {
        "the key of another": replace(good, key=router.keyring.seal("certificate/good", "not a key")),
        "another's sealed key": replace(good, key=other.key),
        "a chain that is none": replace(good, chain="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        "a chain of another key": replace(good, chain=other.chain, fingerprint=other.fingerprint),
    }
    for what, record in wrong.items():
        status = await router.acknowledged(await router.put(record))
        assert status.refused.get("routing/certificates/good"), what
        assert "\n" not in status.refused["routing/certificates/good"]
        after = certificate(router, authority, "after", "after.example")
        await router.lay(after)
        assert await shown(router, "after.example") == after.fingerprint
        await router.lay(good)
        assert await shown(router, "good.example") == good.fingerprint


async def test_old_protocols_are_not_spoken(router: Router) -> None:
    old = careless()
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        async with connect(router.https, tls=old, name="nobody.example"):
            pass
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        new = careless()
        new.minimum_version = new.maximum_version = version
        async with connect(router.https, tls=new, name="nobody.example") as wire:
            assert wire.writer.get_extra_info("ssl_object").version() == str(version.name).replace("_", ".")
