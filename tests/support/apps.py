"""Small real apps for tests: source folders made on the spot, each telling who answers."""

from __future__ import annotations

import textwrap
from pathlib import Path

SERVER = """
import json, os, signal, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = {version!r}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(float(self.path.rpartition("=")[2] or 1))
        names = {{"job": "GRILLE_JOB", "greeting": "GREETING", "release": "GRILLE_RELEASE"}}
        known = {{key: os.environ.get(name, "") for key, name in names.items()}}
        body = json.dumps({{"version": VERSION, **known}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("listening as", VERSION, flush=True)
ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
"""

WORKER = """
import time

while True:
    print("working", flush=True)
    time.sleep(1)
"""


def write(folder: Path, files: dict[str, str]) -> Path:
    """A source folder with ``files`` (name: text)."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return folder


def web(folder: Path, version: str = "one") -> Path:
    """A Python app with a web server and a worker from the standard library, which answers JSON."""
    return write(
        folder,
        {
            "Procfile": "web: python3 server.py\nworker: python3 worker.py\n",
            "requirements.txt": "",
            "server.py": SERVER.format(version=version),
            "worker.py": WORKER,
        },
    )
