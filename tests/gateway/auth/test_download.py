"""A link to an export is accepted as it was made, until it expires, and in no other form."""

from __future__ import annotations

import datetime
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from gateway.auth.download import PATH, Download, read_link

KEY = bytes(range(32))
NOW = datetime.datetime(2026, 11, 30, 14, tzinfo=datetime.UTC)
MADE = Download(uuid.uuid4(), uuid.uuid4(), NOW + datetime.timedelta(days=7))
LINK = MADE.path(KEY).removeprefix(PATH)


def test_a_link_is_read_until_it_expires() -> None:
    assert MADE.path(KEY) == MADE.path(KEY) == PATH + LINK
    assert read_link(LINK, KEY, NOW) == MADE
    assert read_link(LINK, KEY, MADE.expires_at - datetime.timedelta(seconds=1)) == MADE
    assert read_link(LINK, KEY, MADE.expires_at) is None


@pytest.mark.parametrize("position", range(72))
def test_a_link_with_another_byte_is_refused(position: int) -> None:
    body = bytearray(urlsafe_b64decode(LINK))
    body[position] ^= 1
    assert read_link(urlsafe_b64encode(body).decode(), KEY, NOW) is None


@pytest.mark.parametrize(
    "text",
    ["", "x", LINK[:-1], LINK + "A", LINK + "=", f"{LINK[:-1]}é", f"{LINK[:50]}*{LINK[51:]}", " " + LINK[1:], "A" * 96],
    ids=("empty", "short", "cut", "longer", "padded", "accent", "asterisk", "space", "zeros"),
)
def test_another_text_is_refused(text: str) -> None:
    assert read_link(text, KEY, NOW) is None


def test_a_link_of_another_deployment_is_refused() -> None:
    assert read_link(MADE.path(bytes(32)).removeprefix(PATH), KEY, NOW) is None
