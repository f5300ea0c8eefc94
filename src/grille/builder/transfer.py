"""Files to and from shelf (and buildpacks from anywhere) by HTTP, tried three times where trying again can help."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from ..wire.errors import GrilleError, TooLarge, Unavailable, from_problem

T = TypeVar("T")
CHUNK = 1024 * 1024
TIMEOUT = 60.0
PAUSES = (1.0, 3.0)


def download(url: str, to: Path, *, most: int) -> str:
    """GET ``url`` into the file ``to``.

    Args:
        most: bytes that the body may have.
    Returns: the body's sha256.
    Raises:
        NotFound, Unavailable, TooLarge or what the server's problem document names.
    """
    return _persist(lambda: _download(url, to, most), url)


def upload(url: str, path: Path, digest: str) -> None:
    """PUT the file at ``path``, whose sha256 is ``digest``, at ``url``; raises as ``download`` does."""
    _persist(lambda: _upload(url, path, digest), url)


def put_json(url: str, document: object) -> None:
    """PUT ``document`` as JSON at ``url``; raises as ``download`` does."""
    data = json.dumps(document).encode()
    headers = {"Content-Type": "application/json"}
    _persist(lambda: _send(urllib.request.Request(url, data, headers, method="PUT")), url)


def digest_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, to: Path, most: int) -> str:
    digest, size = hashlib.sha256(), 0
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, to.open("wb") as file:
        while chunk := answer.read(CHUNK):
            size += len(chunk)
            if size > most:
                raise TooLarge(f"{_shown(url)} is larger than {most // 1_000_000} MB")
            digest.update(chunk)
            file.write(chunk)
        wanted = answer.headers.get("Content-Length")
    if wanted is not None and int(wanted) != size:
        raise HTTPException(f"the answer ended after {size} of {wanted} bytes")
    return digest.hexdigest()


def _upload(url: str, path: Path, digest: str) -> None:
    with path.open("rb") as file:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(path.stat().st_size),
            "X-Content-SHA256": digest,
        }
        _send(urllib.request.Request(url, file, headers, method="PUT"))


def _send(request: urllib.request.Request) -> None:
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        answer.read()


def _persist(action: Callable[[], T], url: str) -> T:
    for pause in (*PAUSES, None):
        try:
            return action()
        except urllib.error.HTTPError as error:
            problem = _problem(error, url)
        except (OSError, HTTPException) as error:
            problem = Unavailable(f"{_shown(url)} does not answer: {error}", remedy="build again in a while")
        if pause is None or problem.status not in (500, 502, 503, 504):
            raise problem
        time.sleep(pause)
    raise AssertionError("unreachable")


def _problem(error: urllib.error.HTTPError, url: str) -> GrilleError:
    try:
        document = json.loads(error.read(CHUNK))
    except (OSError, ValueError):
        document = {"detail": f"{_shown(url)} answered {error.code} {error.reason}"}
    return from_problem(error.code, document)


def _shown(url: str) -> str:
    """``url`` without its query (a signature is a secret) and without a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
