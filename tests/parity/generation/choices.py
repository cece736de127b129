"""Random choices, read off a string of bytes that Hypothesis makes.

One string instead of one draw for each choice: a large operation takes hundreds, and each draw costs more than running
the field that it makes. A smaller byte is a plainer choice, and where the string ends all choices are the plainest, so
Hypothesis can still make an example smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


@dataclass(slots=True)
class Choices:
    """Choices, the plainest first."""

    source: bytes
    used: int = 0

    def below(self, bound: int) -> int:
        """A number from 0 up to `bound`, which is at most 256."""
        byte = self.source[self.used] if self.used < len(self.source) else 0
        self.used += 1
        return byte * bound >> 8

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def chance(self, percent: int) -> bool:
        return self.below(100) >= 100 - percent


def chosen(make: Callable[[Choices], T], *, most: int = 500) -> st.SearchStrategy[T]:
    """What is made by at most so many choices that are not the plainest.

    A test should draw one such thing: of two, Hypothesis tries the same one with many others.
    """
    return st.binary(min_size=most, max_size=most).map(lambda source: make(Choices(source)))
