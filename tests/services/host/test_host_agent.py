"""Jobs in real containers: up, crashed, stopped, failed, run once, adopted; the store away."""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import replace
from typing import Any

from grille.codec import encode
from grille.store import Delete
from grille.wire import keys
from grille.wire.routing import RouterStatus
from grille.wire.specs import Health, JobSpec, JobStatus
from tests.services.host.rig import Rig, docker, until


def answer(rig: Rig, spec: JobSpec) -> dict[str, Any]:
    found = rig.instance(spec)
    assert found is not None
    with urllib.request.urlopen(f"http://{found.address}:{found.port}/", timeout=5) as reply:
        return dict(json.load(reply))


def container(job: str) -> str:
    return docker("inspect", "--format", "{{.Id}} {{.State.Running}} {{.State.StartedAt}}", job)


def test_a_job_comes_up_is_registered_and_answers_with_its_environment(rig: Rig) -> None:
    spec = rig.spec(env={"GREETING": "hello"})
    status = rig.wait(rig.put(spec), "up")
    assert status.revision > 0
    told = answer(rig, spec)
    assert (told["job"], told["greeting"], told["release"]) == (spec.id, "hello", "1")
    shown = json.loads(docker("inspect", spec.id))[0]
    assert shown["Config"]["User"] == "1000:1000"
    assert shown["HostConfig"]["CapDrop"] == ["ALL"]
    assert shown["HostConfig"]["Memory"] == 512 * 1024 * 1024
    assert docker("exec", spec.id, "sh", "-c", "touch /app/made && id -u") == "1000"


def test_a_killed_job_is_deregistered_restarted_fresh_and_registered_again(rig: Rig) -> None:
    spec = rig.spec()
    first = rig.wait(rig.put(spec), "up")
    docker("exec", spec.id, "touch", "/app/made")
    docker("kill", spec.id)
    again = until("up again", lambda: (s := rig.status(spec.id)) and s.state == "up" and s.restarts and s, 10)
    assert again.container == first.container
    assert again.revision > first.revision
    assert answer(rig, spec)["job"] == spec.id
    assert docker("exec", spec.id, "sh", "-c", "ls /app") == "Procfile\nrequirements.txt\nserver.py\nworker.py"


def test_a_stop_waits_for_the_routers_and_leaves_nothing(rig: Rig) -> None:
    spec = rig.spec(drain_deadline=20.0)
    rig.put(spec)
    rig.wait(spec.id, "up")
    router = RouterStatus(id="r1", host="other", revision=0, updated=0, drains={spec.id: 1})
    rig.store.put(keys.router("r1"), encode(router))
    rig.put(replace(spec, desired="stop"))
    rig.wait(spec.id, "draining")
    assert rig.instance(spec) is None
    time.sleep(1)
    assert docker("inspect", "--format", "{{.State.Running}}", spec.id) == "true"
    rig.store.put(keys.router("r1"), encode(replace(router, revision=10**6, drains={})))
    until("the keys are gone", lambda: not rig.store.list(keys.jobs_of(rig.name)).entries)
    assert docker("ps", "-aq", "--filter", f"name={spec.id}") == ""
    assert docker("volume", "ls", "-q", "--filter", f"name={spec.id}") == ""
    assert not (rig.folder / "data/jobs" / spec.id).exists()


def test_a_job_that_binds_no_port_fails_and_its_logs_stay(rig: Rig) -> None:
    spec = rig.spec(command="echo no port here; exec sleep 60", health=Health(boot_timeout=2))
    status = rig.wait(rig.put(spec), "failed")
    assert status.reason == "nothing accepted connections on port 5000 within 2 s of its start"
    path = f"/jobs/{spec.id}/logs?tail=5"
    page = until("killed", lambda: (p := rig.call("GET", path)[1])["done"] and p)
    assert [line["text"] for line in page["lines"]] == ["no port here"]
    assert container(spec.id).split()[1] == "false"


def test_an_image_that_does_not_exist_fails_with_its_name(rig: Rig) -> None:
    spec = replace(rig.spec(slug=None), image="127.0.0.1:9/none/such:1")
    status = rig.wait(rig.put(spec), "failed")
    assert "127.0.0.1:9/none/such:1" in status.reason


def test_a_run_ends_with_its_exit_code_and_output(rig: Rig) -> None:
    quiet: dict[str, Any] = {"port": 0, "service": "", "kind": "ephemeral", "restart": "never"}
    spec = replace(rig.spec(process="run", **quiet), command=["run", "echo out; echo err >&2; exit 7"])
    status = rig.wait(rig.put(spec), "exited")
    assert status.exit_code == 7
    code, page = rig.call("GET", f"/jobs/{spec.id}/logs")
    assert code == 200
    assert sorted((line["stream"], line["text"]) for line in page["lines"]) == [("stderr", "err"), ("stdout", "out")]
    assert page["done"]
    code, rest = rig.call("GET", f"/jobs/{spec.id}/logs?cursor={page['cursor']}")
    assert (code, rest["lines"], rest["done"]) == (200, [], True)
    rig.put(replace(spec, desired="stop"))
    until("gone", lambda: rig.call("GET", f"/jobs/{spec.id}")[0] == 404)


def test_a_killed_agent_finds_its_jobs_again(rig: Rig) -> None:
    stays, dies = rig.spec(), rig.spec()
    for spec in (stays, dies):
        rig.put(spec)
    registered = {spec.id: rig.wait(spec.id, "up").revision for spec in (stays, dies)}
    before = container(stays.id)
    rig.agent.kill()
    docker("kill", dies.id)
    rig.agent.start()
    again = until("restarted", lambda: (s := rig.status(dies.id)) and s.revision > registered[dies.id] and s)
    rig.wait(dies.id, "up")
    assert again.restarts == 0
    assert container(stays.id) == before
    status = rig.wait(stays.id, "up")
    assert status.revision == registered[stays.id], "the lease and the registration were kept"


def test_with_the_store_away_jobs_are_restarted_and_reported_later(rig: Rig) -> None:
    spec = rig.spec()
    first = rig.wait(rig.put(spec), "up")
    until("the copy is on disk", lambda: spec.id in _read(rig))
    rig.agent.kill()
    rig.etcd.kill()
    docker("kill", spec.id)
    rig.agent.start()
    until("runs again", lambda: container(spec.id).split()[1] == "true", 20)
    assert container(spec.id).split()[0] == first.container
    rig.etcd.start()
    again = until("up in the store", lambda: reported(rig, spec, first.started), 20)
    assert again.restarts == 0
    assert answer(rig, spec)["job"] == spec.id


def reported(rig: Rig, spec: JobSpec, after: float) -> JobStatus | None:
    status = rig.status(spec.id)
    return status if status and status.state == "up" and status.started > after else None


def _read(rig: Rig) -> str:
    path = rig.folder / "data/specs.json"
    return path.read_text() if path.exists() else ""


def test_a_container_without_a_spec_is_ended(rig: Rig) -> None:
    spec = rig.spec()
    rig.wait(rig.put(spec), "up")
    rig.agent.kill()
    rig.store.transact([], [Delete(keys.job_spec(rig.name, spec.id))])
    rig.agent.start()
    until("removed", lambda: docker("ps", "-aq", "--filter", f"name={spec.id}") == "", 25)
    until("status deleted", lambda: rig.status(spec.id) is None)
