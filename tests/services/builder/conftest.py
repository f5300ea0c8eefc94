"""A file server in shelf's place, the images, and builds in real containers."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.images import images as grid_images

ROOT = Path(__file__).resolve().parents[3]


class Handler(BaseHTTPRequestHandler):
    """GET, and PUT with the body's sha256 checked, of files kept in memory."""

    objects: dict[str, bytes]

    def do_GET(self) -> None:
        body = self.objects.get(self.path.partition("?")[0])
        self._answer(404 if body is None else 200, body or b"")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        wanted = self.headers.get("X-Content-SHA256")
        right = wanted in (None, hashlib.sha256(body).hexdigest())
        if right:
            self.objects[self.path.partition("?")[0]] = body
        self._answer(201 if right else 400, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class Built:
    """How a build ended."""

    code: int
    output: str
    result: dict[str, Any]
    slug: bytes


@dataclass
class Builds:
    """Runs builds against the file server at ``url``, whose files are ``objects``."""

    image: str
    url: str
    objects: dict[str, bytes]

    def run(self, source: bytes, env: dict[str, str] | None = None, **more: str) -> Built:
        """Build ``source`` (a tar.gz) with the app's ``env`` and further variables of the builder."""
        self.objects["/source"] = source
        self.objects.pop("/slug", None)
        self.objects.pop("/result", None)
        variables = {
            "GRILLE_SOURCE_URL": f"{self.url}/source?signature=s3cret",
            "GRILLE_SLUG_URL": f"{self.url}/slug?signature=s3cret",
            "GRILLE_RESULT_URL": f"{self.url}/result?signature=s3cret",
            "GRILLE_CACHE_GET_URL": f"{self.url}/cache?signature=s3cret",
            "GRILLE_CACHE_PUT_URL": f"{self.url}/cache?signature=s3cret",
            "GRILLE_BUILD_ENV": json.dumps(env or {}),
            **more,
        }
        flags = [part for name, value in variables.items() for part in ("--env", f"{name}={value}")]
        limits = ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "1g", "--pids-limit", "512"]
        done = subprocess.run(
            ["docker", "run", "--rm", *limits, *flags, self.image, "build"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        result = json.loads(self.objects.get("/result", b"{}"))
        return Built(done.returncode, done.stdout, result, self.objects.get("/slug", b""))


def packed(files: dict[str, str | bytes]) -> bytes:
    """A tar.gz of ``files``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755 if data.startswith(b"#!") else 0o644
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def pack() -> Callable[[dict[str, str | bytes]], bytes]:
    """Makes a tar.gz of files given as a dict."""
    return packed


@pytest.fixture(scope="session")
def example() -> Callable[[str], bytes]:
    """The tar.gz of one of examples/."""

    def pack_example(name: str) -> bytes:
        folder = ROOT / "examples" / name
        paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
        return packed({path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})

    return pack_example


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """The names of the images run, build and system."""
    return grid_images()


@pytest.fixture
def builds(images: dict[str, str]) -> Iterator[Builds]:
    """Builds in containers, with an empty file server in shelf's place."""
    routes = ["docker", "run", "--rm", "--entrypoint", "ip", images["run"], "-json", "route", "show", "default"]
    gateway = json.loads(subprocess.run(routes, capture_output=True, check=True).stdout)[0]["gateway"]
    objects: dict[str, bytes] = {}
    handler = type("Files", (Handler,), {"objects": objects})
    server = ThreadingHTTPServer((gateway, 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Builds(images["build"], f"http://{gateway}:{server.server_port}", objects)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def boot(images: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts a process of a slug in a run container; the container's id. All are removed at the end."""
    containers: list[str] = []

    def start(slug: bytes, command: list[str], env: dict[str, str] | None = None) -> str:
        packed_slug, folder = tmp_path / f"{uuid.uuid4().hex}.squashfs", tmp_path / f"app-{uuid.uuid4().hex}"
        packed_slug.write_bytes(slug)
        subprocess.run(["unsquashfs", "-q", "-n", "-d", folder, packed_slug], check=True, stdout=subprocess.DEVNULL)
        flags = [part for name, value in (env or {}).items() for part in ("--env", f"{name}={value}")]
        name = f"t-img-{os.getpid()}-{len(containers)}"
        mount = ["--volume", f"{folder}:/app"]
        subprocess.run(
            ["docker", "run", "--detach", "--name", name, "--cap-drop", "ALL", *mount, *flags, images["run"], *command],
            check=True,
            capture_output=True,
        )
        containers.append(name)
        return name

    yield start
    for name in containers:
        subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)
