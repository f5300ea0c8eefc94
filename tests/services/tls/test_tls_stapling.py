"""OCSP answers, from a responder on loopback to what clients of a real HAProxy are shown."""

from __future__ import annotations

import asyncio
import datetime
import subprocess
import time
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from grille.router.tls import staples as staples_module
from grille.router.tls.ocsp import question, read
from grille.service.certificates import read_chain
from grille.wire.errors import InvalidValue
from tests.services.tls.conftest import Edge
from tests.support.certificates import Maker, Pem
from tests.support.etcd import free_port


class Responder:
    """Answers for ``maker``. ``life``: seconds that an answer holds; ``status``: of HTTP."""

    def __init__(self, maker: Maker) -> None:
        self.maker, self.port, self.asked, self.status, self.life = maker, free_port(), 0, 200, 3600.0
        self.url = f"http://127.0.0.1:{self.port}/"

    async def start(self) -> Responder:
        app = web.Application()
        app.router.add_post("/", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        asked = ocsp.load_der_ocsp_request(await request.read())
        return web.Response(body=self.sign(asked.serial_number), status=self.status)

    def sign(self, serial: int, maker: Maker | None = None, start: float = -60.0) -> bytes:
        maker, now = maker or self.maker, datetime.datetime.now(datetime.UTC)
        leaf = self.leaves[serial]
        built = ocsp.OCSPResponseBuilder().add_response(
            leaf,
            self.maker.certificate,
            hashes.SHA1(),
            ocsp.OCSPCertStatus.GOOD,
            now + datetime.timedelta(seconds=start),
            now + datetime.timedelta(seconds=start + self.life),
            None,
            None,
        )
        signed = built.responder_id(ocsp.OCSPResponderEncoding.NAME, maker.certificate).sign(maker.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    leaves: dict[int, x509.Certificate] = {}  # noqa: RUF012  # serial numbers are random: one table for all


def issued(responder: Responder, *domains: str) -> Pem:
    """A certificate that names the responder."""
    pem = responder.maker.issue(*domains, ocsp=responder.url)
    responder.leaves[pem.serial] = pem.leaf
    return pem


@pytest.fixture
async def responder(edge: Edge) -> AsyncIterator[Responder]:
    """A running responder of the tests' authority; the answers are fetched."""
    made = await Responder(edge.maker).start()
    loop = asyncio.create_task(edge.keeper.staples.run())
    yield made
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)
    await made.stop()


def stapled(edge: Edge, name: str) -> str:
    """What openssl is shown of OCSP."""
    command = ["openssl", "s_client", "-status", "-connect", f"127.0.0.1:{edge.port}", "-servername", name]
    return subprocess.run(command, input="", capture_output=True, text=True, check=False, timeout=10).stdout


async def until_stapled(edge: Edge, name: str) -> str:
    end = time.monotonic() + 10
    while "OCSP Response Status: successful" not in (shown := stapled(edge, name)):
        assert time.monotonic() < end, shown[:500]
        await edge.keeper.turn(edge.cli)
        await asyncio.sleep(0.05)
    return shown


async def test_answers_are_stapled_refreshed_and_back_after_a_restart(edge: Edge, responder: Responder) -> None:
    news = asyncio.Event()
    edge.keeper.staples.news = news.set
    await edge.put("ocsp", issued(responder, "ocsp.test"))
    assert "no response sent" in stapled(edge, "ocsp.test")
    await asyncio.wait_for(news.wait(), 10)
    assert "Cert Status: good" in await until_stapled(edge, "ocsp.test")
    first = next(iter(edge.keeper.staples.answers.values()))
    responder.life = 7200.0
    edge.keeper.staples._next.clear()
    edge.keeper.staples._changed.set()
    end = time.monotonic() + 10
    while next(iter(edge.keeper.staples.answers.values())) == first:
        assert time.monotonic() < end
        await asyncio.sleep(0.05)
    assert await edge.keeper.turn(edge.cli)
    second = next(iter(edge.keeper.staples.answers.values()))
    shown = stapled(edge, "ocsp.test")
    assert f"{datetime.datetime.fromtimestamp(second.until, datetime.UTC):%H:%M:%S}" in shown
    edge.stop()
    await edge.start()
    assert await edge.keeper.turn(edge.cli)
    assert "Cert Status: good" in stapled(edge, "ocsp.test")
    assert responder.asked == 2


async def test_a_replaced_certificate_gets_an_answer_of_its_own(edge: Edge, responder: Responder) -> None:
    await edge.put("ocsp", issued(responder, "ocsp.test"))
    await until_stapled(edge, "ocsp.test")
    second = issued(responder, "ocsp.test")
    await edge.put("ocsp", second)
    shown = await until_stapled(edge, "ocsp.test")
    assert f"{second.serial:X}" in shown.replace(":", "")
    assert len(edge.keeper.staples.answers) == 1


async def test_a_responder_that_is_away_is_left_alone_and_costs_nothing(edge: Edge, responder: Responder) -> None:
    responder.status = 500
    pem = issued(responder, "ocsp.test")
    assert await edge.put("ocsp", pem)
    await asyncio.sleep(1)
    assert await edge.keeper.turn(edge.cli)
    assert edge.served("ocsp.test") == pem.serial
    assert responder.asked == 1
    assert edge.keeper.staples._next[next(iter(edge.keeper.staples._next))] > time.time() + staples_module.PAUSES[0] / 2


async def test_answers_that_are_none(edge: Edge) -> None:
    responder = Responder(edge.maker)
    pem, other = issued(responder, "a.test"), issued(responder, "b.test")
    asked = question(read_chain(pem.chain))
    assert asked is not None
    assert question(read_chain(edge.maker.issue("c.test").chain)) is None
    now = time.time()
    good = responder.sign(pem.serial)
    assert read(asked, good, now).der == good
    for bad in (
        b"rubbish",
        responder.sign(other.serial),
        responder.sign(pem.serial, Maker()),
        responder.sign(pem.serial, start=-7200.0),
        good + bytes(9000),
        ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(
            serialization.Encoding.DER
        ),
    ):
        with pytest.raises(InvalidValue):
            read(asked, bad, now)
