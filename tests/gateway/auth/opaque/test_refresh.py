"""Refresh tokens: one text for one token, and a successor that can be given twice."""

from __future__ import annotations

import hashlib
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from gateway.auth.opaque.refresh import REFRESH, succeed
from gateway.errors import Unauthenticated

KEY = bytes(range(32))
BASE64URL = string.ascii_letters + string.digits + "-_"
USER, SESSION = uuid4(), uuid4()
mint, parse = REFRESH.mint, REFRESH.parse
TOKEN = mint(USER, SESSION, KEY).text


def body_of(text: str) -> bytes:
    return urlsafe_b64decode(text.removeprefix("plr_") + "==")


def secret(text: str) -> bytes:
    return body_of(text)[32:]


def is_refused(text: str) -> bool:
    with pytest.raises(Unauthenticated, match=r"^The refresh token is not valid\.$"):
        parse(text, KEY)
    with pytest.raises(Unauthenticated, match=r"^The refresh token is not valid\.$"):
        succeed(text, KEY)
    return True


@settings(deadline=None)
@given(st.uuids(), st.uuids())
def test_what_is_minted_is_what_is_parsed(user_id: UUID, session_id: UUID) -> None:
    token = mint(user_id, session_id, KEY)
    parsed = parse(token.text, KEY)
    assert (parsed.user_id, parsed.id, parsed.hash) == (user_id, session_id, token.hash)


def test_the_text_is_short_safe_in_a_url_and_recognisable() -> None:
    assert len(TOKEN) == 90
    assert TOKEN.startswith("plr_")
    assert set(TOKEN) <= set(BASE64URL)


def test_what_is_stored_is_the_hash_of_the_secret() -> None:
    assert parse(TOKEN, KEY).hash == hashlib.sha256(secret(TOKEN)).digest()


def test_no_two_tokens_are_alike() -> None:
    assert len({mint(USER, SESSION, KEY).text for _ in range(1000)}) == 1000


def test_the_successor_is_of_the_same_session_with_a_new_secret() -> None:
    successor = succeed(TOKEN, KEY)
    parsed = parse(successor.text, KEY)
    assert (parsed.user_id, parsed.id, parsed.hash) == (USER, SESSION, successor.hash)
    assert secret(successor.text) != secret(TOKEN)


def test_a_retry_is_given_the_same_successor() -> None:
    assert succeed(TOKEN, KEY) == succeed(TOKEN, KEY)


def test_the_successor_cannot_be_found_without_the_key() -> None:
    with pytest.raises(Unauthenticated):
        succeed(TOKEN, bytes(32))


def test_the_successor_depends_on_the_secret_and_on_whose_it_is() -> None:
    others = [mint(USER, SESSION, KEY), mint(uuid4(), SESSION, KEY), mint(USER, uuid4(), KEY)]
    assert len({secret(succeed(text, KEY).text) for text in (TOKEN, *(token.text for token in others))}) == 4


def test_a_token_that_was_made_up_of_ids_is_refused() -> None:
    for drawn in (bytes(32), bytes(range(32)), secret(TOKEN)[:16] + bytes(16)):
        body = urlsafe_b64encode(USER.bytes + SESSION.bytes + drawn).decode().rstrip("=")
        assert is_refused("plr_" + body)


def test_the_secret_of_one_session_is_none_of_another() -> None:
    for other in (mint(uuid4(), SESSION, KEY), mint(USER, uuid4(), KEY)):
        body = urlsafe_b64encode(body_of(other.text)[:32] + secret(TOKEN)).decode().rstrip("=")
        assert is_refused("plr_" + body)


def test_a_token_of_other_gateways_is_refused() -> None:
    with pytest.raises(Unauthenticated):
        parse(TOKEN, bytes(32))


def test_a_chain_of_successors_does_not_return() -> None:
    chain = [TOKEN]
    for _ in range(100):
        chain.append(succeed(chain[-1], KEY).text)
    assert len(set(chain)) == 101


def test_tokens_do_not_show_in_a_log() -> None:
    token = mint(USER, SESSION, KEY)
    for shown in (repr(token), repr(parse(token.text, KEY))):
        assert token.text[46:] not in shown
        assert repr(token.hash) not in shown


@settings(deadline=None)
@given(st.text())
@example("")
@example("plr_")
@example(TOKEN.removeprefix("plr_"))
@example("plr_" + TOKEN)
@example("PLR_" + TOKEN[4:])
@example(TOKEN + "=")
@example(TOKEN + "==")
@example(TOKEN + "\n")
@example(" " + TOKEN)
@example(TOKEN[:-1])
@example(TOKEN[:-1] + "é")
@example(TOKEN[:-1] + "\ud800")
@example("plr_" + "A" * 1_000_000)
def test_any_other_text_is_refused(text: str) -> None:
    assert is_refused(text)


@settings(deadline=None)
@given(st.text(BASE64URL + "+/=\n ", min_size=86, max_size=86))
def test_a_text_of_the_right_length_is_refused(body: str) -> None:
    assert is_refused("plr_" + body)


@settings(deadline=None)
@given(st.integers(0, 89), st.characters())
def test_a_change_of_one_letter_gives_no_token(position: int, letter: str) -> None:
    changed = TOKEN[:position] + letter + TOKEN[position + 1 :]
    assume(changed != TOKEN)
    assert is_refused(changed)
