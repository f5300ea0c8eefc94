"""What the agent does when the store freezes, its lease is lost, or slugs are not to be had."""

from __future__ import annotations

import os
import time

from grille.store import Store
from grille.wire import keys
from tests.services.host.rig import Rig, docker, until


async def test_a_lost_lease_is_replaced_and_everything_registered_again(rig: Rig) -> None:
    spec = rig.spec()
    first = rig.wait(rig.put(spec), "up")
    key = keys.instance(spec.service, spec.id)
    entry = rig.store.get(key)
    assert entry is not None
    assert entry.lease
    async with Store([rig.etcd.url]) as store:
        await store.revoke(entry.lease)
    again = until("registered again", lambda: rig.store.get(key))
    assert again.lease != entry.lease
    until("host status again", lambda: rig.store.get(keys.host_status(rig.name)), 3)
    until("status follows", lambda: (s := rig.status(spec.id)) and s.revision == again.mod_revision)
    assert rig.wait(spec.id, "up").started == first.started


def test_a_frozen_store_holds_no_restart_back(rig: Rig) -> None:
    spec = rig.spec()
    first = rig.wait(rig.put(spec), "up")
    rig.etcd.freeze()
    try:
        docker("kill", spec.id)
        begin = time.monotonic()
        until("runs again", lambda: docker("inspect", "--format", "{{.State.Running}}", spec.id) == "true")
        assert time.monotonic() - begin < 2
        time.sleep(6)  # longer than the lease
    finally:
        rig.etcd.thaw()
    again = until("up", lambda: (s := rig.status(spec.id)) and s.state == "up" and s.restarts == 1 and s, 30)
    assert again.started > first.started
    assert rig.instance(spec) is not None


def test_a_slug_that_no_shelf_has_yet_is_waited_for(rig: Rig) -> None:
    image = rig.folder / "shelf/objects/slugs" / f"{rig.slug.digest}.squashfs"
    away = image.with_suffix(".away")
    image.rename(away)
    spec = rig.spec()
    rig.put(spec)
    status = until("a reason", lambda: (s := rig.status(spec.id)) and s.reason and s)
    assert status.state == "starting"
    assert "404" in status.reason
    away.rename(image)
    rig.wait(spec.id, "up")


def test_a_slug_with_another_sha256_is_refused(rig: Rig) -> None:
    image = rig.folder / "shelf/objects/slugs" / f"{rig.slug.digest}.squashfs"
    with image.open("r+b") as file:
        file.seek(100)
        file.write(b"x" * 50)
    spec = rig.spec()
    rig.put(spec)
    status = until("a reason", lambda: (s := rig.status(spec.id)) and s.reason and s)
    assert "another sha256" in status.reason
    assert os.listdir(rig.folder / "data/slugs") == []
