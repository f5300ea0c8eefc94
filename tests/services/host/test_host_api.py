"""The agent's HTTP API: putting the grid's own jobs, who may, logs as they come, events, numbers."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import aiohttp

from grille.codec import plain
from grille.wire.specs import Health, JobSpec, Mount
from tests.services.host.rig import Rig, docker, until
from tests.support.ports import free_port

ADMIN = {"Authorization": "Bearer admin-token"}


def brick(rig: Rig, port: int) -> JobSpec:
    """A job like one of the grid's own: critical, on the host network, with a folder of the host."""
    source = str(rig.folder / "source")
    spec = rig.spec(process="brick", slug=None, port=port, critical=True, network="host")
    command = ["run", f"cd /app && PORT={port} exec python3 server.py"]
    mounts = [Mount(source=source, target="/app", read_only=True)]
    return replace(spec, id=rig.app, command=command, mounts=mounts, health=Health(type="http", interval=0.5))


def test_a_brick_is_put_kept_replaced_and_not_removed_by_accident(rig: Rig) -> None:
    spec = brick(rig, free_port())
    path = f"/jobs/{spec.id}"
    assert rig.call("PUT", path, plain(spec), token="deploy")[0] == 403
    code, told = rig.call("PUT", path, plain(spec))
    assert (code, told["changed"]) == (201, True)
    first = rig.wait(spec.id, "up")
    assert first.address == "127.0.0.1"
    code, told = rig.call("PUT", path, plain(replace(spec, created=time.time())))
    assert (code, told["changed"]) == (200, False)

    code, told = rig.call("PUT", path, plain(replace(spec, env={"GREETING": "two"})))
    assert (code, told["changed"]) == (200, True)
    shown = rig.call("GET", path)[1]
    assert shown["status"]["state"] != "up", "what is shown at once is of the new spec"
    until("replaced", lambda: (s := rig.wait(spec.id, "up")).container != first.container and s)
    assert "GREETING=two" in docker("inspect", "--format", "{{.Config.Env}}", spec.id)

    code, problem = rig.call("DELETE", path, token="deploy")
    assert (code, problem["code"]) == (403, "critical")
    assert rig.call("DELETE", f"{path}?force=1", token="deploy")[0] == 403
    assert rig.call("DELETE", f"{path}?force=1")[0] == 202
    until("gone", lambda: rig.call("GET", path)[0] == 404)


def test_bad_specs_are_refused_with_a_reason(rig: Rig) -> None:
    spec = plain(rig.spec())
    cases = {
        "app": ({"app": "No Such"}, "invalid_app_name"),
        "host": ({"host": "elsewhere"}, "invalid"),
        "env": ({"env": {"PORT": "1"}}, "invalid"),
        "type": ({"port": "5000"}, "invalid"),
    }
    for what, (fields, code) in cases.items():
        status, problem = rig.call("PUT", f"/jobs/{spec['id']}", {**spec, **fields})
        assert (status, problem["code"]) == (400, code), what
        assert problem["detail"], what
    assert rig.call("GET", "/jobs/none")[1]["code"] == "unknown_job"
    assert rig.call("GET", "/jobs", token="")[0] == 401


async def test_logs_follow_a_job_over_a_crash_and_events_tell_of_it(rig: Rig) -> None:
    spec = rig.spec(process="worker", command="echo begin; sleep 3; echo end", port=0, service="")
    url = f"http://127.0.0.1:{rig.agent.port}"
    async with aiohttp.ClientSession(headers=ADMIN) as session, session.get(f"{url}/events") as events:
        await asyncio.to_thread(rig.put, spec)
        await asyncio.to_thread(rig.wait, spec.id, "up")
        texts: list[str] = []
        async with asyncio.timeout(20), session.get(f"{url}/jobs/{spec.id}/logs?follow=1") as lines:
            async for line in lines.content:
                texts.append(json.loads(line)["text"])
                if len(texts) == 3:
                    break
        assert texts == ["begin", "end", "begin"]
        states = []
        async with asyncio.timeout(10):
            async for line in events.content:
                if line.startswith(b"data: "):
                    states.append(json.loads(line[6:])["state"])
                    if states[-2:] == ["crashed", "starting"]:
                        break
        assert states[:3] == ["starting", "running", "up"]


async def test_attach_talks_to_a_job_made_with_stdin(rig: Rig) -> None:
    spec = rig.spec(process="run", kind="ephemeral", restart="never", port=0, service="", env={"GRILLE_STDIN": "1"})
    spec = replace(spec, command=["run", "read line; echo got $line"])
    await asyncio.to_thread(rig.put, spec)
    await asyncio.to_thread(rig.wait, spec.id, "running")
    url = f"http://127.0.0.1:{rig.agent.port}/jobs/{spec.id}/attach"
    async with aiohttp.ClientSession(headers=ADMIN) as session, session.ws_connect(url) as socket:
        await socket.send_bytes(b"hello\n")
        async with asyncio.timeout(10):
            said = b"".join([message.data async for message in socket])
    assert said.strip() == b"got hello"
    assert (await asyncio.to_thread(rig.wait, spec.id, "exited")).exit_code == 0


def test_status_and_metrics_measure_jobs(rig: Rig) -> None:
    spec = rig.spec()
    rig.wait(rig.put(spec), "up")
    code, status = rig.call("GET", "/status", token="read")
    assert (code, status["host"], status["jobs"]) == (200, rig.name, 1)
    assert status["memory_total"] > status["memory_available"] > 0
    assert status["usage"][spec.id]["memory_bytes"] > 1024 * 1024
    assert 0 < status["usage"][spec.id]["cpu_seconds"] < 60
    text = rig.agent.call("GET", "/metrics", token="read").body.decode()
    assert f'grille_job_cpu_seconds_total{{app="{spec.app}",job="{spec.id}",process="web"}}' in text
    assert 'grille_jobs{state="up"} 1.0' in text
