"""A small synchronous HTTP client for Grille's APIs: JSON in and out, problems raised as errors, nothing to install."""

from __future__ import annotations

import http.client
import json
import os
from collections.abc import Iterator
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

from .errors import Unauthorized, Unavailable, from_problem

CLIENT_FILE = "/etc/grille/client.json"
CHUNK = 256 * 1024


def read_token(path: str) -> str:
    """The token in the file at ``path``; raises Unauthorized when there is none to read."""
    try:
        with open(path, encoding="utf-8") as file:
            token = file.read().strip()
    except OSError as error:
        raise Unauthorized(
            f"token file {path} cannot be read: {error.strerror}",
            remedy="name a readable token file; site.yml lays them in /etc/grille/tokens/",
        ) from None
    if not token:
        raise Unauthorized(f"token file {path} is empty", remedy="run playbooks/site.yml to lay it again")
    return token


class Client:
    """Talks to one brick.

    Args:
        url: ``http://address:port`` of the brick.
        token: the bearer token; empty sends none.
        timeout: seconds to wait for the connection and for each read.
        brick: the brick's name, for messages.
    """

    def __init__(self, url: str, token: str = "", *, timeout: float = 30.0, brick: str = "controller") -> None:
        self.url, self.token, self.timeout, self.brick = url.rstrip("/"), token, timeout, brick
        self._parts = urlsplit(self.url)

    def get(self, path: str, **query: object) -> Any:
        """GET ``path``; the decoded JSON body."""
        return self.call("GET", path, query=query)

    def put(self, path: str, body: object = None, **query: object) -> Any:
        """PUT ``body`` as JSON at ``path``; the decoded JSON body of the answer."""
        return self.call("PUT", path, body, query=query)

    def post(self, path: str, body: object = None, **query: object) -> Any:
        """POST ``body`` as JSON to ``path``; the decoded JSON body of the answer."""
        return self.call("POST", path, body, query=query)

    def delete(self, path: str, **query: object) -> Any:
        """DELETE ``path``; the decoded JSON body of the answer."""
        return self.call("DELETE", path, query=query)

    def head(self, path: str) -> dict[str, str]:
        """The headers, names in lower case, that a HEAD of ``path`` answers; raises NotFound when nothing is there."""
        answer = self._request("HEAD", path, None, {}, None)
        with answer:
            self._decode(answer, answer.read())
            return {name.lower(): value for name, value in answer.getheaders()}

    def call(self, method: str, path: str, body: object = None, *, query: dict[str, Any] | None = None) -> Any:
        """One JSON request.

        Raises:
            GrilleError: the subclass that the problem document names; Unavailable when nothing answers.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        answer = self._request(method, path, data, headers, query)
        with answer:
            return self._decode(answer, answer.read())

    def upload(self, path: str, file: IO[bytes], size: int) -> Any:
        """PUT ``size`` bytes of an open file at ``path``, streamed; the decoded JSON answer."""
        answer = self._request("PUT", path, file, {"Content-Length": str(size)}, None)
        with answer:
            return self._decode(answer, answer.read())

    def download(self, path: str) -> Iterator[bytes]:
        """GET ``path`` as a stream of chunks."""
        answer = self._request("GET", path, None, {}, None)
        with answer:
            if answer.status >= 300:
                self._decode(answer, answer.read())
            while chunk := answer.read(CHUNK):
                yield chunk

    def _request(
        self, method: str, path: str, body: Any, headers: dict[str, str], query: dict[str, Any] | None
    ) -> http.client.HTTPResponse:
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{self._parts.path}{path}" + (f"?{urlencode(wanted)}" if wanted else "")
        connect = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = connect(self._parts.hostname or "", self._parts.port, timeout=self.timeout)
        try:
            connection.request(method, target, body, headers)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unavailable(
                f"the {self.brick} at {self.url} does not answer: {error or type(error).__name__}",
                remedy="see that the grid is up: ansible-playbook playbooks/site.yml",
            ) from None

    @staticmethod
    def _decode(answer: http.client.HTTPResponse, data: bytes) -> Any:
        try:
            document = json.loads(data) if data else None
        except ValueError:
            document = None
        if answer.status >= 300:
            raise from_problem(answer.status, document)
        return document


def client_settings(path: str = CLIENT_FILE) -> dict[str, str]:
    """The URLs of the grid's APIs as site.yml wrote them (``controller``, ``shelf``, ``discoverd``, ``agent``).

    Raises:
        Unavailable: there is no such file, so no grid on this host.
    """
    path = os.environ.get("GRILLE_CLIENT_FILE", path)
    try:
        with open(path, encoding="utf-8") as file:
            return dict(json.load(file))
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"{path} cannot be read ({error}): this host is not part of a grid",
            remedy="run playbooks/site.yml first, or give the URL",
        ) from None
