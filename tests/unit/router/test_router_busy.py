"""Rows of several routers added up, and put in order."""

from __future__ import annotations

import pytest

from grille.wire.busy import Busy, added_up, check_order, ordered
from grille.wire.errors import InvalidValue

ONE = Busy(
    service="shop-web", requests=1.5, sessions=2, servers=3, latency={"0.5": 0.1, "0.99": 0.2}, routes=["a/", "c/"]
)
OTHER = Busy(
    service="shop-web", app="shop", requests=2.0, errors=1.0, servers=2, latency={"0.99": 0.3}, routes=["b/"], more=9
)
ALONE = Busy(service="shop-web", variant="h2c", requests=3.0, sessions=9)


def test_rows_of_one_variant_become_one() -> None:
    both, alone = added_up([ONE, ALONE, OTHER])
    assert alone == ALONE
    assert (both.requests, both.errors, both.sessions, both.servers, both.app) == (3.5, 1.0, 2, 3, "shop")
    assert both.latency == {"0.5": 0.1, "0.99": 0.3}
    assert (both.routes, both.more) == (["a/", "b/", "c/"], 7)  # ten routes, as the router that knows most says


@pytest.mark.parametrize(("by", "first"), [("requests", "h2c"), ("errors", ""), ("latency", ""), ("sessions", "h2c")])
def test_the_busiest_comes_first(by: str, first: str) -> None:
    assert ordered([ONE, OTHER, ALONE], by, 1)[0].variant == first
    assert len(ordered([ONE, OTHER, ALONE], by, 2)) == 2


def test_only_what_is_there_orders() -> None:
    with pytest.raises(InvalidValue):
        check_order("size")
