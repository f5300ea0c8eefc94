"""The grid of this machine as its users reach it: playbooks, HTTP through the router, Docker."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "grille.localhost"


@dataclass(frozen=True)
class Result:
    """What a command gave."""

    rc: int
    out: str

    @property
    def changed(self) -> int:
        """The sum of ``changed=`` in an Ansible recap."""
        return sum(int(number) for number in re.findall(r"changed=(\d+)", self.out))

    def ok(self) -> Result:
        """This result if the command succeeded; its output in the error if not."""
        assert self.rc == 0, self.out[-4000:]
        return self


def command(*words: str, timeout: float = 600, env: dict[str, str] | None = None) -> Result:
    """Run a command from the project's root, its output and errors taken together."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        words,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=timeout,
        env={**os.environ, "PATH": path, **(env or {})},
        check=False,
    )
    return Result(done.returncode, done.stdout)


def playbook(name: str, *flags: str, timeout: float = 600, **extra: object) -> Result:
    """Run ``playbooks/<name>.yml`` with extra variables."""
    words = ["ansible-playbook", f"playbooks/{name}.yml", *flags]
    if extra:
        words += ["-e", json.dumps(extra)]
    return command(*words, timeout=timeout)


def docker(*words: str) -> str:
    """The output of a docker command that must succeed."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


def instances(app: str, process: str = "web") -> list[str]:
    """The names of an app's running containers."""
    labels = ["--filter", f"label=grille.app={app}", "--filter", f"label=grille.process={process}"]
    return docker("ps", "--format", "{{.Names}}", *labels).split()


def get(app: str, path: str = "/", timeout: float = 15) -> tuple[int, str]:
    """Status and body of a GET through the router; status 0 when nothing answered."""
    request = urllib.request.Request(f"http://127.0.0.1{path}", headers={"Host": f"{app}.{DOMAIN}"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def answer(app: str, path: str = "/") -> dict[str, Any]:
    """The JSON that an app of ``support.apps`` answers."""
    status, body = get(app, path)
    assert status == 200, (status, body)
    return dict(json.loads(body))


def until(what: str, condition: Any, timeout: float = 30) -> None:
    """Wait for ``condition()`` to hold; fails naming ``what``."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.1)


def haproxy_pid() -> int:
    """The process id of HAProxy on this machine."""
    return int(docker("inspect", "--format", "{{.State.Pid}}", "grille-haproxy"))


def control(method: str, path: str, body: object = None) -> Any:
    """One call of the controller's API with this machine's deploy token."""
    urls = json.loads(Path("/etc/grille/client.json").read_text(encoding="utf-8"))
    token = Path("/etc/grille/tokens/deploy").read_text(encoding="utf-8").strip()
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(urls["controller"] + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as reply:
        return json.load(reply)
