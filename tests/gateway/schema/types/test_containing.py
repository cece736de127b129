# ruff: noqa: RUF001 - letters that look alike are what this is about
"""A text is found in whichever case and normal form it and the text around it are written, and nothing else is found.

PostgreSQL evaluates the expressions; what they must come to is computed here in another way.
"""

from __future__ import annotations

import random
import unicodedata
from typing import Literal

import asyncpg
import pytest

from gateway.errors import Invalid
from gateway.schema.types.containing import LONGEST, pattern

LETTERS = (
    *"sSfFtTeiIIdkK12 %\\[]^-(*.é\n", "ß", "ẞ", "ﬁ", "ﬃ", "ﬀ", "ﬆ", "İ", "ı", "É", "E\u0301", "ê", "ế", "e\u0302\u0301",
    "σ", "ς", "Σ", "ο", "Ο", "ό", "ᾳ", "ᾼ", "ΑΙ", "한", "각", "가", "\u212a", "å", "\u212b",
    "ǆ", "ǅ", "Ж", "ж", "й", "Й", "Ⅷ",
    "\U00010400", "\U00010428", "\uff21", "\uff41", "և", "ե", "ŉ",
)  # fmt: skip
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")


def folded(text: str) -> str:
    """What texts that differ in case and normal form alone have in common."""
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFC", decomposed.replace("ı", "i").replace("i\u0307", "i"))


async def finds(connection: asyncpg.Connection, part: str, text: str) -> bool:
    found: bool = await connection.fetchval("SELECT $1::text ~ $2::text", text, pattern(part, "text_contains"))
    return found


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("οδος", "ΟΔΟΣ"),
        ("ΟΔΟΣ", "οδος"),
        ("Ὀδυσσεύς", "ὈΔΥΣΣΕΎΣ"),
        ("STRASSE", "Straße"),
        ("straße", "STRASSE"),
        ("stras", "Straße"),
        ("stra", "STRA\u1e9eE"),
        ("office", "oﬃce"),
        ("café", "CAFE\u0301"),
        ("CAFE\u0301", "café"),
        ("Việt", "VIE\u0323\u0302T"),
        ("istanbul", "İSTANBUL"),
        ("İstanbul", "istanbul"),
        ("ısparta", "ISPARTA"),
        ("ISPARTA", "ısparta"),
        ("заметки й", "ЗАМЕТКИ И\u0306"),
        ("한글", unicodedata.normalize("NFD", "한글")),
        ("\u212b", "a\u030a"),
        ("e\u0329\u0301", "É\u0329"),
        ("50% (a.b)*", "it is 50% (A.B)*!"),
        ("***:x", "***:x"),
        ("(?i)x", "(?i)x"),
        ("", "anything"),
    ],
)
async def test_a_text_is_found_in_any_case_and_normal_form(superuser: asyncpg.Connection, part: str, text: str) -> None:
    for form in FORMS:
        for other in FORMS:
            assert await finds(superuser, unicodedata.normalize(form, part), unicodedata.normalize(other, text))


@pytest.mark.parametrize(
    ("part", "text"),
    [("cafe", "café"), ("e", "ế"), ("ê", "ế"), ("é", "e"), ("a.b", "axb"), ("a%", "ab"), ("a_b", "axb"), ("σε", "σ ε")],
)
async def test_another_text_is_not_found(superuser: asyncpg.Connection, part: str, text: str) -> None:
    for form in FORMS:
        assert not await finds(superuser, part, unicodedata.normalize(form, text))


async def test_what_is_found_is_what_folding_finds(superuser: asyncpg.Connection) -> None:
    chance = random.Random(7)  # noqa: S311 - the same texts each time
    found = 0
    for _ in range(1_000):
        text = "".join(chance.choices(LETTERS, k=chance.randint(1, 8)))
        start = chance.randrange(len(text))
        part = chance.choice((text[start : start + 3], "".join(chance.choices(LETTERS, k=2))))
        if unicodedata.combining(part[0]):
            continue
        part = unicodedata.normalize(chance.choice(FORMS), chance.choice((part.upper(), part.lower(), part)))
        expected = folded(part) in folded(text)
        for form in FORMS:
            assert await finds(superuser, part, unicodedata.normalize(form, text)) == expected, ascii((part, text))
        found += expected
    assert found > 300


def test_a_text_that_is_too_long_is_refused_by_name() -> None:
    assert pattern("x" * LONGEST, "title_contains")
    with pytest.raises(Invalid, match=r"^filter.titleContains: .* at most 500 characters"):
        pattern("x" * (LONGEST + 1), "title_contains")


@pytest.mark.parametrize("letters", ["s", "s\u00df", "\ufb03", "f", "\ufb05", "\u0390"])
def test_no_text_has_too_many_ways(letters: str) -> None:
    """The database takes time for each of them, in each row: of an `s` many times over it tried thirteen for six."""
    assert len(pattern((letters * LONGEST)[:LONGEST], "title_contains")) < 40 * LONGEST
    assert len(pattern("s" * LONGEST, "title_contains")) < 20 * LONGEST


@pytest.mark.parametrize("letters", ["s", "st", "ffi", "ế", "i", "e\u0301", "한", "ß", "\u0301", "("])
async def test_the_longest_text_is_looked_for(superuser: asyncpg.Connection, letters: str) -> None:
    text = (letters * LONGEST)[:LONGEST]
    assert await finds(superuser, text, f"x{text}")
    assert not await finds(superuser, text, "x")
