"""An app for a network namespace: ``python serve.py <name> <port>`` says its name to every GET. Standard library."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The name."""
        body = sys.argv[1].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    """Does not tell of clients that went away."""

    request_queue_size = 256

    def handle_error(self, *args: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    Server(("0.0.0.0", int(sys.argv[2])), Handler).serve_forever()
