"""A host's tags, read from the agent's environment."""

from __future__ import annotations

import pytest

from grille.host.tags import read_tags
from grille.wire.errors import InvalidValue


def test_tags_are_pairs() -> None:
    assert read_tags([]) == {}
    assert read_tags(["disk=ssd", "rack=r-1.a_B", "n=3"]) == {"disk": "ssd", "rack": "r-1.a_B", "n": "3"}


@pytest.mark.parametrize(
    "word", ["disk", "disk=", "=ssd", "Disk=ssd", "disk=a b", "disk=a=b", "disk=-a", "d" * 64 + "=a"]
)
def test_what_is_no_tag_is_named(word: str) -> None:
    with pytest.raises(InvalidValue) as error:
        read_tags([word])
    assert error.value.message
    assert error.value.remedy
