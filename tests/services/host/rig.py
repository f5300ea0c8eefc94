"""An agent as a process over a real Docker and a real etcd, with a file server in shelf's place."""

from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from grille.codec import decode, encode
from grille.store.blocking import BlockingStore
from grille.wire import keys
from grille.wire.specs import Health, Instance, JobSpec, JobStatus, Slug
from tests.support import apps
from tests.support.daemon import Daemon
from tests.support.etcd import EtcdServer


def docker(*words: str) -> str:
    """The output of a docker command that must succeed."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def until(what: str, holds: Callable[[], Any], timeout: float = 15) -> Any:
    """What ``holds()`` gives once it is true; fails naming ``what``."""
    end = time.monotonic() + timeout
    while not (found := holds()):
        assert time.monotonic() < end, f"not within {timeout} s: {what}"
        time.sleep(0.03)
    return found


class Rig:
    """One agent with its own etcd, network and slug; jobs put into the store as the controller does."""

    def __init__(self, etcd: EtcdServer, folder: Path, image: str) -> None:
        self.name = f"t-host-{secrets.token_hex(3)}"
        self.app = self.name
        self.folder, self.image, self.etcd = folder, image, etcd
        self.store = BlockingStore([etcd.url])
        self.layer = f"{self.name}.layer=0"
        settings = {"ETCD": etcd.url, "HOST": self.name, "NETWORK": self.name, "DATA": str(folder / "data")}
        settings |= {"GUARD_LABEL": self.layer, "LEASE_TTL": "5"}
        settings |= {"CONFIG_KEYS": str(folder / "config.keys"), "SHELF_KEY": str(folder / "shelf.key")}
        self.agent = Daemon("grille.host", "AGENT_PORT", folder, **settings)
        docker("network", "create", self.name)
        self.slug, self._server = self._shelf()

    def _shelf(self) -> tuple[Slug, ThreadingHTTPServer]:
        source, objects = apps.web(self.folder / "source"), self.folder / "shelf/objects/slugs"
        objects.mkdir(parents=True)
        packed = self.folder / "slug.squashfs"
        words = ["mksquashfs", str(source), str(packed), "-comp", "zstd", "-all-root", "-quiet", "-no-progress"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        digest = hashlib.sha256(packed.read_bytes()).hexdigest()
        size = packed.stat().st_size
        packed.rename(objects / f"{digest}.squashfs")
        handler = partial(_Quiet, directory=str(self.folder / "shelf"))
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = Instance(id="s1", service="shelf", address="127.0.0.1", port=server.server_port)
        self.store.put(keys.instance("shelf", "s1"), encode(here))
        return Slug(digest=digest, size=size), server

    def spec(self, process: str = "web", command: str = "python3 server.py", **fields: Any) -> JobSpec:
        """The spec of a job of the app with the slug; ``fields`` replace the defaults of a web process."""
        ident = f"{self.app}-{process}-{secrets.token_hex(4)}"
        given = {
            "kind": "service",
            "command": ["start", process, command],
            "port": 5000,
            "service": f"{self.app}-{process}",
            "health": Health(interval=0.5, boot_timeout=20),
            "slug": self.slug,
            "stop_grace": 5.0,
            "drain_deadline": 3.0,
            **fields,
        }
        return JobSpec(
            id=ident,
            host=self.name,
            app=self.app,
            process=process,
            release=1,
            image=self.image,
            created=time.time(),
            **given,
        )

    def put(self, spec: JobSpec) -> str:
        """Desire a job; its id."""
        self.store.put(keys.job_spec(self.name, spec.id), encode(spec))
        return spec.id

    def status(self, job: str) -> JobStatus | None:
        """What the agent wrote of a job."""
        entry = self.store.get(keys.job_status(self.name, job))
        return decode(JobStatus, entry.value) if entry else None

    def wait(self, job: str, state: str, timeout: float = 20) -> JobStatus:
        """The job's status once it is in ``state``."""
        seen: list[str] = []

        def reached() -> JobStatus | None:
            status = self.status(job)
            seen.append(status.state if status else "none")
            return status if status and status.state == state else None

        try:
            return until(f"{job} is {state}", reached, timeout)  # type: ignore[no-any-return]
        except AssertionError:
            raise AssertionError(f"{job} never {state}: {seen[-1]}; {self.agent.log[-3000:]}") from None

    def instance(self, spec: JobSpec) -> Instance | None:
        """The job's registration."""
        entry = self.store.get(keys.instance(spec.service, spec.id))
        return decode(Instance, entry.value) if entry else None

    def call(self, method: str, path: str, body: object = None, token: str = "admin") -> Any:
        """The status and JSON body of one call of the agent's API."""
        data = None if body is None else json.dumps(body).encode()
        answer = self.agent.call(method, path, data, token=token)
        return answer.status, answer.json

    def close(self) -> None:
        """End the agent and all that it made."""
        self.agent.kill()
        self._server.shutdown()
        self._server.server_close()
        found = docker("ps", "-aq", "--filter", f"label=grille.host={self.name}").split()
        found += docker("ps", "-aq", "--filter", f"label={self.layer}").split()
        if found:
            docker("rm", "--force", "--volumes", *found)
        if volumes := docker("volume", "ls", "-q", "--filter", f"label=grille.host={self.name}").split():
            docker("volume", "rm", *volumes)
        docker("network", "rm", self.name)
        subprocess.run(["umount", str(self.folder / "data/slugs" / self.slug.digest)], check=False, capture_output=True)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass
