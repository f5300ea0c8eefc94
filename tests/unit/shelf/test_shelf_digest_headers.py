"""The digest that a client announces."""

from __future__ import annotations

import base64
import hashlib

import pytest

from grille.shelf.transfer import wanted_digest
from grille.wire.errors import InvalidValue

SUM = hashlib.sha256(b"x")
BASE64 = base64.b64encode(SUM.digest()).decode()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Content-SHA256": SUM.hexdigest()},
        {"X-Content-SHA256": SUM.hexdigest().upper()},
        {"Digest": f"SHA-256={BASE64}"},
        {"Digest": f"md5=abc, sha-256={BASE64}"},
    ],
)
def test_announced(headers: dict[str, str]) -> None:
    assert wanted_digest(headers) == SUM.hexdigest()


def test_none_announced() -> None:
    assert wanted_digest({}) == ""


@pytest.mark.parametrize(
    "headers",
    [{"X-Content-SHA256": "abc"}, {"Digest": "md5=abc"}, {"Digest": "sha-256=!"}, {"Digest": "sha-256=YWJj"}],
)
def test_nonsense(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidValue):
        wanted_digest(headers)
