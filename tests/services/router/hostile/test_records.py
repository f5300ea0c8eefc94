"""Records in the store that no API would have let in: left out with a reason, and HAProxy holds only what is due."""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict
from typing import Any

import pytest

from grille.codec import encode
from grille.wire import keys
from grille.wire.routing import AppRouting, Certificate, Challenge, Headers, Limits, Redirect, Route, Target
from tests.services.router.certificates import certificate
from tests.services.router.features.origin import Start
from tests.services.router.hostile.state import State, held
from tests.services.router.records import http, instance
from tests.services.router.rig import Router
from tests.support.authority import Authority

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVIL = {
    "newline and a command": "x\ndisable frontend web",
    "CRLF and a command": "x\r\nclear map #0\r\n",
    "semicolon": "x;disable frontend web",
    "payload": "x <<",
    "named payload": "<<END",
    "blank": "x y",
    "tab": "x\ty",
    "NUL": "x\x00y",
    "map syntax": "x|http-00000|https=1",
    "another backend": "http-00001|other",
    "comment": "#x",
    "quote": 'x"y',
    "backslash": "x\\\ny",
    "dollar": "x${HOME}",
    "sample": "%[src]",
    "dots": "../../../etc/passwd",
    "separators": "x&to=http://evil.example&code=301",
    "unicode newline": "x\u2028y\u0085z",
    "escape": "x\x1b[2Jy",
    "very long": "x" * 100_000,
    "prompt": "x\n> ",
    "empty": "",
}
EVERYWHERE = ("newline and a command", "semicolon", "payload", "NUL", "blank", "map syntax")


def full(number: int) -> Route:
    """A valid route that has everything."""
    return Route(
        id=f"full-{number}",
        host=f"full-{number}.example",
        service="full-web",
        app="full",
        path="/full",
        created=1.0,
        strip=True,
        targets=[Target(service="full-two", weight=1)],
        sticky=True,
        redirect=Redirect(to="https://www.example.org"),
        headers=Headers(request={"X-A": "b"}, response={"X-C": "d"}),
        limits=Limits(body=1, rate=1.0, concurrency=1),
    )


FIELDS = ("host", "service", "path", "kind", "protocol", "client_certificate", "app", "id")
HEADERS = ("headers.request.", "headers.request.X-A", "headers.response.", "headers.response.X-C")
DEEP = ("targets.0.service", "redirect.to", *HEADERS)


def spoiled(record: object, field: str, value: str) -> Any:
    """The record as plain data, with ``value`` for one of its texts; a field that ends in a dot: for a name in it."""
    table = json.loads(encode(record))
    *way, last = field.split(".")
    inner = table
    for step in way:
        inner = inner[int(step)] if step.isdigit() else inner[step]
    if last.isdigit():
        inner[int(last)] = value
    elif last:
        inner[last] = value
    else:
        inner[value] = "x"
    return table


Tables = dict[str, Any]


async def settled(router: Router, tables: Tables) -> dict[str, str]:
    """Put plain data in the store, by key; why the router left each of them out, empty if it did not."""
    revisions = [await router.store.put(key, json.dumps(table).encode()) for key, table in tables.items()]
    status = await router.acknowledged(revisions[-1])
    reasons = {key: status.refused.get(key, "") for key in tables}
    for reason in reasons.values():
        assert "\n" not in reason
        assert not re.search(r"[\x00-\x1f\x7f]", reason)
        assert len(reason) < 1000
    return reasons


async def removed(router: Router, tables: Tables) -> None:
    """Take it away again."""
    await router.acknowledged([await router.store.delete(key) for key in tables][-1])


async def quick(router: Router) -> Route:
    """A neighbour's change holds within a second."""
    begun = time.monotonic()
    route = http("app.neighbour.example", "calm-web")
    await router.lay(route)
    assert time.monotonic() - begun < 1.0
    return route


@pytest.mark.parametrize("field", [*FIELDS, *DEEP])
async def test_texts_of_routes(router: Router, start: Start, field: str) -> None:
    await start("full-web")
    before = await held(router)
    tables = {f"routes/full-{at}": spoiled(full(at), field, value) for at, value in enumerate(EVIL.values())}
    reasons = await settled(router, tables)
    neighbour = await quick(router)
    after = await held(router)
    taken = [tables[key] for key, reason in reasons.items() if not reason]
    assert not taken or field in ("app", *HEADERS), taken
    harmless(before, after, [table["host"] for table in taken])
    await removed(router, tables)
    await router.remove(neighbour)


def harmless(before: State, after: State, hosts: list[str]) -> None:
    """What came are entries for these hosts and no others, and backends in use for them."""
    assert after.other == before.other
    assert after.frontends == before.frontends
    for name, table in after.maps.items():
        assert {key: old for key, old in before.maps[name].items() if table.get(key) != old} == {}
        fresh = table.keys() - before.maps[name].keys()
        assert not fresh or name in ("routes", "services"), (name, fresh)
        for key in fresh if name == "routes" else ():
            assert key.split("/")[0] in hosts or key.split("/")[0].endswith(".neighbour.example"), key
        for key in fresh:
            assert re.fullmatch(r"[!-~]+", f"{key}{table[key]}"), (key, table[key])
    assert len(after.servers) - len(before.servers) <= 1


@pytest.mark.parametrize("field", ["id", "service", "address", "protocol", "host", "app", "process"])
async def test_texts_of_instances(router: Router, field: str) -> None:
    await router.lay(http("evil-instance.example", "evil-web"))
    before = await held(router)
    tables = {
        keys.instance("evil-web", f"i{number}"): spoiled(instance("evil-web", f"i{number}", 9), field, value)
        for number, value in enumerate(EVIL.values())
    }
    reasons = await settled(router, tables)
    neighbour = await quick(router)
    after = await held(router)
    if field in ("id", "service", "address", "protocol"):
        assert all(reasons.values()), reasons
        assert after.servers == before.servers
    assert {server for _, server, _ in after.servers - before.servers} <= {f"i{number}" for number in range(len(EVIL))}
    assert (after.other, after.frontends) == (before.other, before.frontends)
    await removed(router, tables)
    await router.remove(neighbour, http("evil-instance.example", "evil-web"))


async def test_numbers_that_are_none(router: Router) -> None:
    await router.lay(http("evil-instance.example", "evil-web"))
    before = await held(router)
    ports = (0, -1, 65536, 1 << 70, 1.5, "80", "80;x", None, [80], True)
    tables: Tables = {
        keys.instance("evil-web", f"p{at}"): {**json.loads(encode(instance("evil-web", f"p{at}", 9))), "port": port}
        for at, port in enumerate(ports)
    }
    wrong = (-1, 1e308, "1\ndisable frontend web", None, {}, [])
    for name in ("timeout", "idle_timeout", "hsts", "weight", "port"):
        for number, value in enumerate(wrong):
            route = http("evil-number.example", "evil-web", id=f"n-{name.replace('_', '-')}-{number}")
            tables[f"routes/{route.id}"] = {**json.loads(encode(route)), name: value}
    reasons = await settled(router, tables)
    assert [key for key, reason in reasons.items() if not reason] == []
    assert await held(router) == before
    await removed(router, tables)
    await router.remove(http("evil-instance.example", "evil-web"))


@pytest.mark.parametrize("field", ["app", "error_page", "maintenance_page"])
async def test_texts_of_an_apps_routing(router: Router, start: Start, field: str) -> None:
    await start("paged-web")
    await router.lay(http("paged.example", "paged-web", app="paged"))
    good = AppRouting(app="paged", error_page="<p>error</p>", maintenance_page="<p>back soon</p>")
    key = keys.routing_app("paged")
    for what, value in EVIL.items():
        before = await held(router)
        await settled(router, {key: spoiled(good, field, value)})
        after = await held(router)
        assert (after.other, after.servers) == (before.other, before.servers), what
        for name, table in after.maps.items():
            assert name == "pages" or table == before.maps[name], what
            fresh = table.keys() - before.maps[name].keys()
            assert all(re.fullmatch(r"paged/(error|maintenance)", each) for each in fresh)
        assert (await router.get("paged.example"))[0] == 200
        await removed(router, {key: None})


@pytest.mark.parametrize("field", ["id", "domains.0", "chain", "key", "fingerprint", "client_ca", "issuer", "reason"])
async def test_texts_of_certificates(router: Router, authority: Authority, field: str) -> None:
    good = certificate(router, authority, "evil", "evil.example")
    key = keys.certificate("evil")
    for what in EVERYWHERE if field not in ("chain", "key") else EVIL:
        before = await held(router)
        reasons = await settled(router, {key: spoiled(good, field, EVIL[what])})
        after = await held(router)
        if reasons[key]:
            assert after == before, what
        else:  # its name in HAProxy is that of its key in the store, whatever it says itself
            assert (after.maps, after.servers) == (before.maps, before.servers), what
            assert field in ("id", "fingerprint", "issuer", "reason") or (field == "chain" and not EVIL[what]), what
        await removed(router, {key: None})
    inside = [
        {"chain": good.chain + "\n\nset ssl cert x <<\n"},
        {"chain": good.chain.replace("-----END", "disable frontend web\n-----END", 1)},
        {"key": router.keyring.seal("certificate/evil", "key\n\ndisable frontend web\n")},
        {"client_ca": good.chain + "\n\ndisable frontend web\n"},
    ]
    for change in inside:
        before = await held(router)
        await settled(router, {key: {**asdict(good), **change}})
        after = await held(router)
        assert (after.maps, after.servers, after.frontends) == (before.maps, before.servers, before.frontends)
        await removed(router, {key: None})
    await router.lay(certificate(router, authority, "fine", "fine.example"))


async def test_texts_of_challenges(router: Router) -> None:
    key = keys.challenge("acme.example")
    for field in ("host", "token", "answer"):
        for what, value in EVIL.items():
            before = await held(router)
            good = Challenge(host="acme.example", token="abc", answer="abc.def")
            reasons = await settled(router, {key: spoiled(good, field, value)})
            after = await held(router)
            assert (after.servers, after.other) == (before.servers, before.other), what
            fresh = after.maps["routes"].keys() - before.maps["routes"].keys()
            assert not (reasons[key] and fresh), what
            for address in fresh:
                assert re.fullmatch(r"acme\.example/\.well-known/acme-challenge/[A-Za-z0-9_.-]+/", address), what
            await removed(router, {key: None})


@pytest.mark.parametrize("key", [keys.ROUTES, keys.ROUTING_APPS, keys.CERTIFICATES, keys.CHALLENGES, "services/x-web/"])
async def test_what_is_no_record_at_all(router: Router, key: str) -> None:
    before = await held(router)
    for name in ("odd", "o dd", "odd\nname", "odd;x", "a/b/c", ".settings"):
        for data in (b"", b"\x00\xff\xfe", b"[]", b"null", b'"x"', b"{", b"[" * 10_000, b'{"id": {}}', b"{}"):
            revision = await router.store.put(f"{key}{name}", data)
        await router.acknowledged(revision)
        await removed(router, {f"{key}{name}": None})
    assert await held(router) == before
    await router.remove(await quick(router))
    assert "Traceback" not in router.logs()


def test_every_record_that_a_router_reads_is_spoiled_here() -> None:
    """A new text field of a record must come into the tests above."""
    texts = {name for name, kind in Route.__annotations__.items() if "str" in str(kind) or "Literal" in str(kind)}
    assert texts == set(FIELDS)
    own = {name for name, kind in Certificate.__annotations__.items() if str(kind) == "str"}
    assert own == {"id", "chain", "key", "fingerprint", "issuer", "client_ca", "reason"}
