"""The whole way with a real router: ordered from pebble, challenges answered by HAProxy, served by SNI, no reload."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import time
from collections.abc import AsyncIterator

import pytest
from cryptography import x509

from grille.store import Store
from grille.wire import keys
from tests.services.acme.rig import Orders, Pebble
from tests.services.router.rig import Router, until
from tests.support.certificates import Maker, record
from tests.support.etcd import EtcdServer


@pytest.fixture
async def router(etcd: EtcdServer, store: Store, pebble: Pebble, orders: Orders) -> AsyncIterator[Router]:
    """A router at the port where pebble asks, with the keys of ``orders``."""
    rig = Router(store, etcd.url)
    rig.http = pebble.http
    rig.environ |= {"GRILLE_ROUTER_HTTP_PORT": str(rig.http), "GRILLE_CONFIG_KEYS": str(orders.keyring._path)}
    try:
        yield await rig.start()
    finally:
        await rig.close()


def shown(router: Router, name: str) -> x509.Certificate:
    """The certificate that a client which asks for ``name`` is shown."""
    context = ssl._create_unverified_context()
    raw = socket.create_connection(("127.0.0.1", router.https), timeout=5)
    with raw, context.wrap_socket(raw, server_hostname=name) as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")


async def test_ordered_and_served(router: Router, pebble: Pebble, orders: Orders) -> None:
    before = await router.serving()
    await orders.settle(pebble.settings)
    await orders.ask("shop", "shop.test")
    made = await orders.until("shop", lambda one: one.state == "valid")
    entry = await orders.store.get(keys.certificate("shop"))
    assert entry is not None
    await router.acknowledged(entry.mod_revision)
    served = await asyncio.to_thread(shown, router, "shop.test")
    assert served.issuer.rfc4514_string() == made.issuer
    assert await router.serving() == before


async def test_what_is_acknowledged_is_served_and_what_is_refused_is_told(router: Router, orders: Orders) -> None:
    maker = Maker()
    good = maker.issue("good.test")
    revision = await orders.store.put(keys.certificate("good"), record(orders.keyring, "good", good))
    await router.acknowledged(revision)
    assert (await asyncio.to_thread(shown, router, "good.test")).serial_number == good.serial
    bad = record(orders.keyring, "bad", good, domains=["bad.test"])
    revision = await orders.store.put(keys.certificate("bad"), bad)
    status = await router.status(lambda one: one.revision >= revision and bool(one.refused))
    assert "bad.test" in status.refused[keys.certificate("bad")]
    await until(lambda: "good.pem" in router.saved())
    os.kill(await router.serving(), signal.SIGKILL)  # its supervisor starts another
    end = time.monotonic() + 15
    while True:
        try:
            served = await asyncio.to_thread(shown, router, "good.test")
            break
        except OSError:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
    assert served.serial_number == good.serial, "at once, from the disk"
