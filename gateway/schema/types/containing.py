"""Text search regardless of case and Unicode normal form, as a regular expression.

The expression spells out every form of each letter. So the database needs neither ICU nor a locale that knows more than
ASCII, and every version of PostgreSQL finds the same rows.

Letters match if they are canonically equivalent after full case folding: `É` is `e` and U+0301, a final sigma is a
sigma, `ß` is `ss`. The four letters i of Turkish match each other, so that each language finds its own words.
"""

from __future__ import annotations

import functools
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from strawberry.utils.str_converters import to_camel_case

from gateway.errors import Invalid

LONGEST = 500
"""The most characters of a text to search for."""

_LAST_CASED = 0x1E943
"""The last character that has a case."""
_JAMO = [chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))]
_DOTLESS_I = "\u0131"
_DOT_ABOVE = "\u0307"
_IOTA_BELOW = "\u0345"
_MARKS = "[\u0300-\u036f]*"
_SPECIAL = frozenset(".^$*+?()[]{}|\\")
_MOST_TOGETHER = 4
"""Letters in a row, such as `ffi`, for which all ways to combine them into single characters are tried."""


def pattern(text: str, name: str) -> str:
    """The regular expression that finds the text. If it is too long, raises `Invalid` for the filter's attribute."""
    if len(text) > LONGEST:
        field = f"filter.{to_camel_case(name)}"
        raise Invalid(f"{field}: the text to search for has at most {LONGEST} characters.", field=field)
    clusters = list(_clusters(_key(text)))
    if not clusters:
        return ""
    *others, last = [piece for part in _joined(clusters) for piece in _pieces(part)]
    end = _end(clusters[-1])
    parts = [_spelled(part, is_first=index == 0) for index, part in enumerate(others)]
    return "".join([*parts, _spelled(last, is_first=not others, is_last=True, end=end)])


def _key(text: str) -> str:
    """The key that all matching texts share: their letters case-folded and decomposed."""
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    return folded.replace(_DOTLESS_I, "i").replace("i" + _DOT_ABOVE, "i")


class _Alphabet(NamedTuple):
    spellings: dict[str, str]
    """The characters whose key differs from themselves, by key."""
    several: dict[str, str]
    """Those that stand for several letters, as `ß` does."""
    beginnings: frozenset[str]
    """All prefixes of the keys in `several`, of at least two characters."""
    composing: list[str]
    """The characters that compose with the one before them."""


def _alphabet() -> _Alphabet:
    spellings: dict[str, str] = defaultdict(str)
    composing = set(_JAMO)
    for character in map(chr, range(_LAST_CASED + 1)):
        decomposition = unicodedata.decomposition(character)
        may_differ = decomposition or character.casefold() != character or character == _DOTLESS_I
        if may_differ and (key := _key(character)) != character:
            spellings[key] += character
        parts = decomposition.split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            composing.add(chr(int(parts[1], 16)))
    several = {key: same for key, same in spellings.items() if sum(not unicodedata.combining(each) for each in key) > 1}
    beginnings = frozenset(key[:size] for key in several for size in range(2, len(key) + 1))
    return _Alphabet(spellings, several, beginnings, sorted(composing - {_IOTA_BELOW}))


_ALPHABET = _alphabet()
"""Computed when the process starts: that takes too long for the event loop."""


def _clusters(key: str) -> Iterator[str]:
    """Split a key into letters with their marks, each of which may be written as one character."""
    cluster = ""
    for character in key:
        if cluster and not unicodedata.combining(character) and not _composes(cluster, character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _composes(cluster: str, character: str) -> bool:
    composed = unicodedata.normalize("NFC", cluster)
    return len(unicodedata.normalize("NFC", composed + character)) <= len(composed)


def _joined(clusters: Iterable[str]) -> Iterator[str]:
    """Join neighbouring clusters for which one character may stand."""
    part = ""
    for cluster in clusters:
        if part and not any(part[-size:] + cluster[0] in _ALPHABET.beginnings for size in (1, 2, 3)):
            yield part
            part = ""
        part += cluster
    if part:
        yield part


def _pieces(part: str) -> Iterator[str]:
    for start in range(0, len(part), _MOST_TOGETHER):
        yield part[start : start + _MOST_TOGETHER]


@functools.lru_cache(maxsize=4096)
def _spelled(part: str, *, is_first: bool = False, is_last: bool = False, end: str = "") -> str:
    """The expression for all forms of a part of the text."""
    ways = dict.fromkeys(_ways(part, is_first, is_last, end))
    ways["".join(_letter(_key(each), each) for each in unicodedata.normalize("NFC", part)) + end] = None
    return next(iter(ways)) if len(ways) == 1 else f"(?:{'|'.join(ways)})"


def _ways(part: str, is_first: bool, is_last: bool, end: str) -> Iterator[str]:
    """The forms of a part. The text may begin or end within a character that stands for several letters."""
    several = _ALPHABET.several
    if not part:
        yield end
        return
    for size in range(1, len(part) + 1):
        head = part[:size]
        heads = [_letter(head)] if size == 1 or head in _ALPHABET.spellings else []
        if is_first:
            heads += _any_of(same for key, same in several.items() if key != head and key.endswith(head))
        for rest in _ways(part[size:], False, is_last, end) if heads else ():
            yield from (each + rest for each in heads)
    if is_last:
        longer = (key for key in several if key.startswith(part) and not unicodedata.combining((key + "x")[len(part)]))
        yield from _any_of(several[key] for key in longer if key != part)


def _letter(key: str, character: str = "") -> str:
    """The expression for any one character with this key; `character` is one of them."""
    same = _ALPHABET.spellings.get(key, "")
    letters = "".join(dict.fromkeys((key if len(key) == 1 else character) + same))
    (text,) = _any_of([letters])
    return f"{text}{_DOT_ABOVE}?" if key == "i" else text


def _any_of(letters: Iterable[str]) -> list[str]:
    text = "".join(letters)
    if len(text) > 1:
        return [f"[{text}]"]
    return ["\\" + text if text in _SPECIAL else text] if text else []


def _end(cluster: str) -> str:
    """The lookahead that refuses a mark which would change the last letter: `e` is not in `é`, in any form."""
    marks = "".join(mark for mark in _ALPHABET.composing if _composes(cluster, mark))
    return f"(?!{_MARKS}[{marks}])" if marks else ""
