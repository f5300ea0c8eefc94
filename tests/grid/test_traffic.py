"""Changes under a constant load of 100 requests/s: not one may fail, and HAProxy stays the same process."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.support import apps
from tests.support.grid import DOMAIN, docker, get, haproxy_pid, instances, playbook, until
from tests.support.load import Load


def _jobs(load: Load) -> set[str]:
    return {json.loads(body)["job"] for body in load.bodies()}


def _load(app: str) -> Load:
    return Load(f"{app}.{DOMAIN}", rate=110)


def test_scale_to_four_and_back_to_one(deployed: str) -> None:
    with _load(deployed) as load:
        time.sleep(1)
        playbook("scale", app=deployed, scale={"web": 4, "worker": 1}).ok()
        mark = time.monotonic()
        time.sleep(3)
        assert len(instances(deployed)) == 4
        assert len(instances(deployed, "worker")) == 1
        assert playbook("scale", app=deployed, scale={"web": 4, "worker": 1}).ok().changed == 0
        playbook("scale", app=deployed, scale={"web": 1}).ok()
        assert len(instances(deployed)) == 1
        time.sleep(1)
    assert load.failed == []
    assert load.sent > 500
    late = {json.loads(body)["job"] for start, _, body in load.answered if mark < start < mark + 3}
    assert len(late) == 4


def test_redeploy_scale_and_rollback_lose_no_request(deployed: str, source: Path) -> None:
    pid = haproxy_pid()
    playbook("scale", app=deployed, scale={"web": 4}).ok()
    with _load(deployed) as load:
        apps.web(source, "two")
        playbook("deploy", app=deployed, source=str(source), env={"GREETING": "hi"}).ok()
        playbook("scale", app=deployed, scale={"web": 2}).ok()
        playbook("rollback", app=deployed).ok()
        time.sleep(1)
    assert load.failed == []
    assert {json.loads(body)["version"] for body in load.bodies()} == {"one", "two"}
    final = json.loads(get(deployed)[1])
    assert (final["version"], final["greeting"]) == ("one", "")
    assert haproxy_pid() == pid


def test_a_slow_request_outlives_the_instance_that_is_replaced(deployed: str, source: Path) -> None:
    with Load(f"{deployed}.{DOMAIN}", rate=2, path="/slow?seconds=4") as load:
        time.sleep(1)
        apps.web(source, "two")
        playbook("deploy", app=deployed, source=str(source)).ok()
    assert load.failed == []


def test_killed_instance_is_replaced_and_only_its_own_requests_fail(deployed: str) -> None:
    for count in (1, 3):
        playbook("scale", app=deployed, scale={"web": count}).ok()
        victim = instances(deployed)[0]
        with _load(deployed) as load:
            time.sleep(1)
            docker("kill", victim)
            killed = time.monotonic()
            until("all instances serve", lambda wanted=count: len(instances(deployed)) == wanted)
            time.sleep(4)
        lost = [failure for failure in load.failed if not killed - 1 < failure[0] < killed + 0.3]
        assert lost == []
        assert len(load.failed) <= 3, load.failed
        assert len({json.loads(body)["job"] for start, _, body in load.answered if start > killed + 3}) == count
