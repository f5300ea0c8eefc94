"""TLS ended at the router: names, versions, HTTP/2, and certificates of clients."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from pathlib import Path

import httpx
import pytest

from tests.services.router.conftest import Apps
from tests.services.router.dataplane.authority import Authority
from tests.services.router.dataplane.rig import B0, Dataplane, line
from tests.services.router.dataplane.test_dataplane_options import route


def context(authority: Authority, client: Path | None = None) -> ssl.SSLContext:
    """A client's, that trusts ``authority`` alone and shows the certificate ``client``."""
    made = ssl.create_default_context(cadata=authority.pem)
    if client is not None:
        made.load_cert_chain(client)
    return made


async def shake(plane: Dataplane, name: str, how: ssl.SSLContext) -> str:
    """The version of TLS that a connection for ``name`` has."""
    _, writer = await asyncio.open_connection("127.0.0.1", plane.https, ssl=how, server_hostname=name)
    version = writer.get_extra_info("ssl_object").version()
    writer.close()
    return str(version)


@pytest.fixture
def authority() -> Authority:
    return Authority("Test CA")


async def test_certificate_by_name_and_default(authority: Authority, apps: Apps) -> None:
    app = await apps("app")
    plane = Dataplane({"routes": {"a.example/": f"{B0}|app"}}, {B0: {"i1": line(app.port)}})
    authority.issue(plane.folder / "certs" / "a.pem", "a.example")
    certs = f"{plane.folder}/certs"
    plane.saved.certificates.extend([f"{certs}/a.pem a.example", f"{certs}/gone.pem b.example"])
    async with plane:
        assert await shake(plane, "a.example", context(authority)) == "TLSv1.3"
        with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
            await shake(plane, "b.example", context(authority))


async def test_old_versions_and_weak_ciphers_are_refused(authority: Authority) -> None:
    plane = Dataplane()
    authority.issue(plane.folder / "certs" / "a.pem", "a.example")
    plane.saved.certificates.append(f"{plane.folder}/certs/a.pem a.example")
    async with plane:
        old = context(authority)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await shake(plane, "a.example", old) == "TLSv1.2"
        old.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await shake(plane, "a.example", old)
        older = context(authority)
        older.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            older.minimum_version, older.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await shake(plane, "a.example", older)


async def test_http2_and_its_line_in_the_log(authority: Authority, apps: Apps) -> None:
    app = await apps("app")
    routes = {"a.example/": route(B0, body="10")}
    plane = Dataplane({"routes": routes}, {B0: {"i1": line(app.port)}})
    async with plane, httpx.AsyncClient(http2=True, verify=False) as client:
        url = f"https://127.0.0.1:{plane.https}"
        host = {"Host": "a.example"}
        extensions = {"sni_hostname": "a.example"}
        answer = await client.get(f"{url}/x?y", headers=host, extensions=extensions)
        assert (answer.http_version, answer.text) == ("HTTP/2", "app")

        async def chunks():  # type: ignore[no-untyped-def]
            yield b"hello"

        unknown = await client.post(url, headers=host, extensions=extensions, content=chunks())
        assert (unknown.status_code, unknown.headers["X-Grille-Error"]) == (411, "length_required")
        assert (await client.post(url, headers=host, extensions=extensions, content=b"hello")).status_code == 200
        word = (await plane.logged(3))[0]
        assert (word["version"], word["tls"], word["uri"]) == ("HTTP/2.0", "TLSv1.3", "https://a.example/x?y")


@pytest.fixture
async def asking(authority: Authority, apps: Apps):  # type: ignore[no-untyped-def]
    """A router with hosts that ask clients for certificates of ``authority``, and one that does not."""
    app = await apps("app")
    routes = {
        "must.example/": route(B0, mtls="required"),
        "may.example/": route(B0, mtls="optional"),
        "plain.example/": f"{B0}|app",
    }
    plane = Dataplane({"routes": routes}, {B0: {"i1": line(app.port)}})
    certs = plane.folder / "certs"
    for name in ("must", "may", "plain"):
        authority.issue(certs / f"{name}.pem", f"{name}.example")
    (certs / "clients.ca").write_text(authority.pem)
    asks = f"[ca-file {certs}/clients.ca verify optional]"
    plane.saved.certificates.extend(
        [
            f"{certs}/must.pem {asks} must.example",
            f"{certs}/may.pem {asks} may.example",
            f"{certs}/plain.pem plain.example",
        ]
    )
    async with plane:
        plane.app = app  # type: ignore[attr-defined]
        yield plane


async def get(plane: Dataplane, how: ssl.SSLContext, host: str, sni: str = "", **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(verify=how) as client:
        names = {"Host": host, **headers}
        extensions = {"sni_hostname": sni or host}
        return await client.get(f"https://127.0.0.1:{plane.https}/", headers=names, extensions=extensions)


async def test_certificate_of_the_client(asking: Dataplane, authority: Authority, tmp_path: Path) -> None:
    fingerprint = authority.issue(tmp_path / "client.pem", "client-7")
    forged = {f"X-Forwarded-Client-Cert-{name}": "forged" for name in ("Verified", "Subject", "Fingerprint")}
    known, nobody = context(authority, tmp_path / "client.pem"), context(authority)
    for host in ("must.example", "may.example"):
        assert (await get(asking, known, host, **forged)).text == "app"
        seen = asking.app.requests[-1].headers  # type: ignore[attr-defined]
        assert seen["X-Forwarded-Client-Cert-Verified"] == "1"
        assert seen["X-Forwarded-Client-Cert-Subject"] == "CN=client-7"
        assert seen["X-Forwarded-Client-Cert-Fingerprint"] == fingerprint
    assert (await get(asking, nobody, "may.example", **forged)).text == "app"
    seen = asking.app.requests[-1].headers  # type: ignore[attr-defined]
    assert not any(name.startswith("X-Forwarded-Client-Cert") for name in seen)
    refused = await get(asking, nobody, "must.example")
    assert (refused.status_code, refused.headers["X-Grille-Error"]) == (403, "client_certificate_required")
    plain = await asking.ask("must.example")
    assert (plain.status, plain.error) == (403, "client_certificate_required")


async def test_certificate_shown_to_another_host_is_worth_nothing(
    asking: Dataplane, authority: Authority, tmp_path: Path
) -> None:
    authority.issue(tmp_path / "client.pem", "client-7")
    known = context(authority, tmp_path / "client.pem")
    for sni in ("may.example", "plain.example"):
        answer = await get(asking, known, "must.example", sni)
        assert (answer.status_code, answer.headers["X-Grille-Error"]) == (421, "misdirected")
    stranger = Authority("Other CA")
    stranger.issue(tmp_path / "stranger.pem", "client-8")
    with pytest.raises((httpx.HTTPError, ssl.SSLError)):
        await get(asking, context(authority, tmp_path / "stranger.pem"), "must.example")
