"""The top as people read it."""

from __future__ import annotations

from ansible_collections.grille.grille.plugins.module_utils.grille_top import of_top

SHOP = {
    "service": "shop-web",
    "variant": "",
    "requests": 12.5,
    "errors": 0.0,
    "bytes": 2048.0,
    "sessions": 3,
    "queue": 0,
    "servers": 2,
    "latency": {"0.5": 0.004, "0.9": 0.02, "0.99": 1.5},
    "routes": ["shop.example/", "shop.example/api/"],
    "more": 4,
}


def test_a_row_per_service() -> None:
    blog = {**SHOP, "service": "blog-web", "variant": "h2c", "latency": {}, "routes": [], "more": 0}
    assert of_top({"services": [SHOP, blog], "missing": []}) == [
        "service       requests/s  errors/s  KiB/s  open  queue  up  p50 ms  p90 ms  p99 ms  routes",
        "shop-web      12.5        0         2.0    3     0      2   4       20      1500    "
        "shop.example, shop.example/api and 4 more",
        "blog-web~h2c  12.5        0         2.0    3     0      2   -       -       -",
    ]


def test_silent_routers_are_named() -> None:
    assert of_top({"services": [], "missing": ["h2", "h3"]}) == [
        "no route leads to a running service",
        "without the routers that do not answer: h2, h3",
    ]
