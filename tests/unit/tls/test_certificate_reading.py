"""Certificates as users give them: what is taken, and the one line for each mistake."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from grille.service import certificates as read
from grille.wire.errors import GrilleError, InvalidValue, TooLarge
from tests.support.certificates import Maker, key_text

MAKER = Maker()
GOOD = MAKER.issue("a.test", "*.b.test")


def test_blank_lines_words_and_parameters_around_the_blocks_are_left_out() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    old_form = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    parameters = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"
    pem = MAKER.issue("a.test", key=key)
    pair = read.read_pair(f"Certificate:\n  of a.test\n\n{pem.chain}\n\n", f"\n{parameters}{old_form}")
    assert pair.chain == pem.chain
    assert "" not in pair.pem.splitlines()
    assert pair.leaf.names == ("a.test",)
    assert pair.leaf.not_after - time.time() == pytest.approx(86400, abs=5)


@pytest.mark.parametrize(
    ("chain", "key", "code"),
    [
        ("rubbish", GOOD.key, "not_pem"),
        ("", GOOD.key, "not_pem"),
        (GOOD.key, GOOD.key, "not_pem"),
        (GOOD.chain, "rubbish", "not_pem"),
        (GOOD.chain, GOOD.key.replace("M", "N", 3), "not_pem"),
        (GOOD.chain, key_text(ec.generate_private_key(ec.SECP256R1()), b"secret"), "not_pem"),
        (GOOD.chain, MAKER.issue("a.test").key, "key_mismatch"),
        (MAKER.pem + GOOD.chain, GOOD.key, "chain_order"),
        (GOOD.chain + Maker("other").pem, GOOD.key, "chain_order"),
        (GOOD.chain, key_text(rsa.generate_private_key(65537, 1024)), "weak_key"),
        (GOOD.chain, key_text(ed25519.Ed25519PrivateKey.generate()), "weak_key"),
        (GOOD.chain, key_text(ec.generate_private_key(ec.SECP192R1())), "weak_key"),
    ],
)
def test_mistakes_of_chain_and_key(chain: str, key: str, code: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read.read_pair(chain, key)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_what_haproxy_would_not_take_is_too_large() -> None:
    with pytest.raises(TooLarge):
        read.read_pair(*_texts(MAKER.issue("a.test", filler=14000)))
    with pytest.raises(TooLarge):
        read.read_ca(MAKER.pem * 40)


def _texts(pem: object) -> tuple[str, str]:
    return pem.chain, pem.key  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("domain", "covered"),
    [
        ("a.test", True),
        ("x.b.test", True),
        ("*.b.test", True),
        ("b.test", False),
        ("x.y.b.test", False),
        ("*.a.test", False),
    ],
)
def test_a_star_stands_for_one_label(domain: str, covered: bool) -> None:
    leaf = read.read_pair(GOOD.chain, GOOD.key).leaf
    assert read.covers(leaf.names, domain) is covered


@pytest.mark.parametrize(
    "domains", [[], ["*"], ["a b"], ["A.test"], ["*.*.test"], [1], ["a.test]"], [f"{n}.t" for n in range(101)]]
)
def test_domains_that_are_none(domains: list[object]) -> None:
    with pytest.raises(GrilleError):
        read.check_domains(domains)


def test_time() -> None:
    leaf = read.read_pair(GOOD.chain, GOOD.key).leaf
    read.check_current(leaf, time.time())
    for now, code in ((leaf.not_after, "expired"), (leaf.not_before - 86401, "not_yet_valid")):
        with pytest.raises(InvalidValue) as caught:
            read.check_current(leaf, now)
        assert caught.value.code == code
