"""Ranges and conditions, decided from headers."""

from __future__ import annotations

import pytest

from grille.shelf.ranges import Reply, reply

WHOLE = Reply(200, 0, 100)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("bytes=0-9", Reply(206, 0, 10)),
        ("bytes=90-", Reply(206, 90, 10)),
        ("bytes=90-500", Reply(206, 90, 10)),
        ("bytes=-10", Reply(206, 90, 10)),
        ("bytes=-500", Reply(206, 0, 100)),
        ("bytes=99-99", Reply(206, 99, 1)),
        ("bytes=100-", Reply(416)),
        ("bytes=-0", Reply(416)),
        ("bytes=9-5", WHOLE),
        ("bytes=-", WHOLE),
        ("bytes=0-1,5-6", WHOLE),
        ("lines=0-1", WHOLE),
        ("bytes=" + "9" * 30 + "-", WHOLE),
    ],
)
def test_ranges(text: str, wanted: Reply) -> None:
    assert reply({"Range": text}, "tag", 100) == wanted


def test_an_empty_object_has_no_ranges() -> None:
    assert reply({"Range": "bytes=0-"}, "tag", 0) == Reply(416)
    assert reply({}, "tag", 0) == Reply(200, 0, 0)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-None-Match": '"tag"'}, 304),
        ({"If-None-Match": 'W/"x", W/"tag"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"x"'}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": '"tag"'}, 200),
        ({"If-Range": '"tag"', "Range": "bytes=1-2"}, 206),
        ({"If-Range": '"x"', "Range": "bytes=1-2"}, 200),
        ({"If-None-Match": '"tag"', "Range": "bytes=1-2"}, 304),
    ],
)
def test_conditions(headers: dict[str, str], status: int) -> None:
    assert reply(headers, "tag", 100).status == status
