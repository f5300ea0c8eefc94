"""Secrets at rest: what a token gives away, what opens it, and files of keys that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grille.service.sealing import Keyring, key_of, parse_keys, plain_size
from grille.wire.errors import GrilleError, InvalidValue, Unavailable, Unprocessable
from tests.support.keys import lay_keys, new_key


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring(str(lay_keys(tmp_path_factory.mktemp("keys") / "config.keys", new_key("k1"))))


@given(secret=st.text(max_size=300))
def test_a_token_opens_under_its_name_only_and_tells_its_size(keyring: Keyring, secret: str) -> None:
    token = keyring.seal("NAME", secret)
    assert keyring.open("NAME", token) == secret
    assert token != keyring.seal("NAME", secret)
    assert (key_of(token), plain_size(token)) == ("k1", len(secret.encode()))
    assert keyring.holds("NAME", token, secret)
    assert not keyring.holds("NAME", token, secret + "x")
    with pytest.raises(Unprocessable):
        keyring.open("OTHER", token)


@given(place=st.integers(0, 60), letter=st.sampled_from("Aaz09-_"))
def test_a_token_with_one_letter_changed_does_not_open(keyring: Keyring, place: int, letter: str) -> None:
    token = keyring.seal("NAME", "a secret that is long enough")
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(GrilleError) as caught:
            keyring.open("NAME", changed)
        assert caught.value.code in ("bad_secret", "unknown_config_key")


@pytest.mark.parametrize(
    "token", ["", "plain", "g1", "g1.k1", "g1.k1.", "g1.k1.!!!!", "g2.k1.AAAA", "g1..AAAA", "g1.k1.é"]
)
def test_what_is_no_token_is_refused(keyring: Keyring, token: str) -> None:
    with pytest.raises(Unprocessable, match="secret NAME cannot be opened"):
        keyring.open("NAME", token)


def test_keys_are_read_again_and_the_first_one_seals(tmp_path: Path) -> None:
    path, one, two = tmp_path / "config.keys", new_key("k1"), new_key("k2")
    keyring = Keyring(str(path))
    with pytest.raises(Unavailable, match="has no key to seal secrets with"):
        keyring.seal("NAME", "x")
    lay_keys(path, one)
    token = keyring.seal("NAME", "x")
    lay_keys(path, two, one)
    assert (key_of(keyring.seal("NAME", "x")), keyring.open("NAME", token)) == ("k2", "x")
    lay_keys(path, two)
    with pytest.raises(Unavailable, match="sealed under key 'k1'"):
        keyring.open("NAME", token)
    lay_keys(path, "k1:short")
    with pytest.raises(InvalidValue, match="line 1 of"):
        keyring.open("NAME", token)


@pytest.mark.parametrize(
    "text",
    ["nonsense", "K1:" + "A" * 43 + "=", "k1:" + "A" * 44, pytest.param(f"{new_key('k1')}\n" * 2, id="the same twice")],
)
def test_a_file_of_keys_that_is_wrong_is_told_by_its_line(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"line \d of the file is no key of its own") as caught:
        parse_keys(text, "the file")
    assert "AAAA" not in str(caught.value)
