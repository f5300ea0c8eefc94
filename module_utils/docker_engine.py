# Copyright: Grille's contributors
# GNU General Public License v3.0 or later (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Docker Engine's HTTP API over its unix socket, with nothing but the standard library: for modules on target hosts."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import quote, urlencode

SOCKET = "/var/run/docker.sock"
REMEDY = "see that it runs: docker info"


class EngineError(Exception):
    """Docker refused a request, or does not answer; the message is one line."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """One Docker Engine.

    Args:
        path: its unix socket.
        timeout: seconds to wait for each answer.
    """

    def __init__(self, path: str = SOCKET, timeout: float = 120.0) -> None:
        self._path, self._timeout = path, timeout

    def alive(self) -> bool:
        """Whether an engine answers at the socket."""
        try:
            self.call("GET", "/_ping")
        except EngineError:
            return False
        return True

    def find(self, path: str) -> dict[str, Any] | None:
        """The object at ``path`` (``/containers/x/json``, say), or None when there is none."""
        status, answer = self._request("GET", path, None)
        if status == 404:
            return None
        return self._checked("GET", path, status, answer)

    def list(self, path: str, **query: object) -> Any:
        """The list at ``path``; dictionaries in ``query`` (filters) go as JSON, as the API wants them."""
        encoded = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in query.items()}
        return self.call("GET", f"{path}?{urlencode(encoded)}")

    def call(self, method: str, path: str, body: object = None, *, ignore: tuple[int, ...] = ()) -> Any:
        """One request; the decoded JSON answer, None where there is no body.

        Args:
            ignore: statuses of failure that are as good as success here (404 for a removal, 304 for a start).
        Raises:
            EngineError: with the engine's own message.
        """
        status, answer = self._request(method, path, body)
        if status in ignore:
            return None
        return self._checked(method, path, status, answer)

    def _request(self, method: str, path: str, body: object) -> tuple[int, Any]:
        connection = _UnixConnection(self._path, self._timeout)
        data = None if body is None else json.dumps(body)
        headers = {} if data is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, _decode(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"Docker at {self._path} does not answer: {error} ({REMEDY})") from None
        finally:
            connection.close()

    @staticmethod
    def _checked(method: str, path: str, status: int, answer: Any) -> Any:
        if status >= 400:
            says = answer.get("message", answer) if isinstance(answer, dict) else answer
            raise EngineError(f"Docker refused {method} {path.partition('?')[0]}: {says}")
        return answer


def name_path(kind: str, name: str, action: str = "") -> str:
    """The path of the object ``name`` of ``kind`` (containers, networks, volumes, images) in the API."""
    return f"/{kind}/{quote(name, safe='')}" + (f"/{action}" if action else "")


def _decode(data: bytes) -> Any:
    text = data.decode("utf-8", "replace").strip()
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
