"""A host's tags: what its inventory says of it, and placement and inventories may go by."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..wire.errors import InvalidValue
from ..wire.names import check_label

VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")


def read_tags(words: Iterable[str]) -> dict[str, str]:
    """The tags in words like ``disk=ssd``: a label, and a value of letters, digits, dots, hyphens and underscores.

    Raises:
        InvalidValue: naming the word that is no tag.
    """
    tags: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not VALUE.match(value):
            raise InvalidValue(
                f"GRILLE_TAGS has {word!r}",
                remedy="set grille_tags in the inventory to pairs like disk: ssd; values have letters, digits, . _ -",
            )
        tags[check_label("tag", key)] = value
    return tags
