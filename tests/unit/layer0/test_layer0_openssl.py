"""What is read from openssl's output."""

from __future__ import annotations

import pytest
from ansible_collections.grille.grille.plugins.module_utils import grille_openssl as openssl


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("X509v3 Subject Alternative Name: \n    IP Address:10.0.0.1, DNS:alpha\n", {"IP:10.0.0.1", "DNS:alpha"}),
        ("X509v3 Subject Alternative Name: critical\n    DNS:localhost\n", {"DNS:localhost"}),
        ("No extensions matched\n", set()),
        ("", set()),
    ],
)
def test_names(text: str, names: set[str]) -> None:
    assert openssl.parse_names(text) == names


def test_how_long_it_holds() -> None:
    assert openssl.left(20 * 86400.0, 0.0) == "it ends in 20 days"
    assert openssl.left(0.0, 1.0) == "it has ended"
