"""Clients that show certificates: asked for, checked against the CA of the host's certificate, per route."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

import pytest

from tests.services.router.certificates import certificate
from tests.services.router.features.client import Reply, connect, get, trusting
from tests.services.router.features.origin import Origin, Start
from tests.services.router.records import http
from tests.services.router.rig import Router
from tests.support.authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")
Pair = tuple[str, str] | None


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs the clients that are let in."""
    return Authority(tmp_path_factory.mktemp("clients"))


async def guarded(router: Router, start: Start, authority: Authority, clients: Authority) -> Origin:
    """Two hosts with client certificates, one without; all to one app."""
    origin = await start("guard-web")
    ca = Path(clients.ca).read_text()
    await router.lay(
        certificate(router, authority, "required", "required.example", client_ca=ca),
        certificate(router, authority, "optional", "optional.example", client_ca=ca),
        certificate(router, authority, "open", "open.example"),
        http("required.example", "guard-web", client_certificate="required"),
        http("required.example", "guard-web", "/public"),
        http("optional.example", "guard-web", client_certificate="optional"),
        http("open.example", "guard-web"),
    )
    return origin


async def ask(
    router: Router, authority: Authority, sni: str, pair: Pair = None, host: str = "", path: str = "/"
) -> Reply | None:
    """The answer; None when the connection was refused."""
    with contextlib.suppress(ssl.SSLError, ConnectionError, EOFError):
        async with connect(router.https, tls=trusting(authority.ca, pair=pair), name=sni) as wire:
            return await wire.ask(get(host or sni, path))
    return None


async def test_required_lets_nobody_in_without(
    router: Router, start: Start, authority: Authority, clients: Authority, tmp_path: Path
) -> None:
    origin = await guarded(router, start, authority, clients)
    strangers = Authority(tmp_path)
    for pair in (None, strangers.issue("stranger")):
        reply = await ask(router, authority, "required.example", pair)
        assert reply is None or reply.status in (400, 403, 495, 496)
    assert origin.requests == []
    reply = await ask(router, authority, "required.example", clients.issue("friend"))
    assert reply is not None
    assert reply.status == 200
    reply = await ask(router, authority, "required.example", path="/public")
    assert reply is not None
    assert reply.status == 200


async def test_optional_lets_both_in_but_no_forger(
    router: Router, start: Start, authority: Authority, clients: Authority, tmp_path: Path
) -> None:
    await guarded(router, start, authority, clients)
    for pair in (None, clients.issue("friend")):
        reply = await ask(router, authority, "optional.example", pair)
        assert reply is not None
        assert reply.status == 200
    strangers = Authority(tmp_path)
    reply = await ask(router, authority, "optional.example", strangers.issue("stranger"))
    assert reply is None or reply.status in (400, 403, 495)


async def test_another_hosts_handshake_opens_no_door(
    router: Router, start: Start, authority: Authority, clients: Authority
) -> None:
    """What was asked of the client at the handshake holds for the name it gave there, and for no other."""
    origin = await guarded(router, start, authority, clients)
    for sni in ("open.example", "optional.example"):
        for pair in (None, clients.issue("friend")):
            reply = await ask(router, authority, sni, pair, host="required.example")
            assert reply is None or reply.status in (403, 421), reply
    assert origin.requests == []


async def test_in_clear_text_a_guarded_route_is_not_answered(
    router: Router, start: Start, authority: Authority, clients: Authority
) -> None:
    origin = await guarded(router, start, authority, clients)
    async with connect(router.http) as wire:
        reply = await wire.ask(get("required.example"))
    assert reply.status in (301, 308, 403, 421, 496)
    assert origin.requests == []
