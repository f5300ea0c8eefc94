"""Which paths name objects."""

from __future__ import annotations

import pytest

from grille.shelf.paths import check_path, decode_path
from grille.wire.errors import InvalidValue


@pytest.mark.parametrize("path", ["slugs/a", "sources/x y/é.tar", "caches/..a/...", "a/" + "b" * 255])
def test_good_paths(path: str) -> None:
    assert check_path(path) == path


BAD = ["", "alone", "/a/b", "a/", "a//b", "a/../b", "../a", "a/.", "a/b\n", "a/\x00", "a/\x85", "a/\udc80"]
TOO_LONG = ["a/" + "b" * 256, "a/" + "é" * 128, "/".join(["abc"] * 300)]


@pytest.mark.parametrize("path", [*BAD, *TOO_LONG])
def test_bad_paths(path: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        check_path(path)
    assert caught.value.code == "invalid_path"
    assert "remedy" in caught.value.problem()


def test_percent_encoding() -> None:
    assert decode_path("slugs/a%20b%2Fc") == "slugs/a b/c"
    for raw in ("slugs/%2e%2e/x", "slugs/%ff", "slugs/a%0Ab"):
        with pytest.raises(InvalidValue):
            decode_path(raw)
