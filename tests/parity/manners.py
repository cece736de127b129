"""Manners: how one position of an answer behaves, well or badly, at once or later; and tables of them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Literal

from tests.parity.generation.choices import Choices

Fault = Literal["none", "null", "raises", "is an exception", "is wrong", "has a code"]
Form = Literal["list", "tuple", "generator", "breaks off", "iterable", "empty", "asynchronous"]
Timing = Literal["now", "coroutine", "one turn", "three turns", "future", "awaitable"]
Shape = Literal["dict", "attributes"]

FORMS_NOW: tuple[Form, ...] = ("list", "list", "list", "tuple", "generator", "iterable", "empty", "breaks off")
FORMS: tuple[Form, ...] = (*FORMS_NOW, "asynchronous")
TIMINGS: tuple[Timing, ...] = ("now", "now", "coroutine", "one turn", "three turns", "future", "awaitable")
FAULTS: tuple[Fault, ...] = ("null", "raises", "is an exception", "is wrong", "has a code")
SHAPES: tuple[Shape, ...] = ("dict", "attributes")

MANNERS = 13
"""How many manners a world has."""

FAULTY = (0, 0, 1, 1, 2, 3, 6)
"""How many of them are faults: with many, little is left of an answer but its errors."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How one position answers."""

    fault: Fault = "none"
    form: Form = "list"
    timing: Timing = "now"
    shape: Shape = "dict"


@dataclass(frozen=True, slots=True)
class World:
    """A table of manners."""

    table: tuple[Manner, ...] = (Manner(),)

    def manner(self, key: str) -> Manner:
        return self.table[zlib.crc32(key.encode()) % len(self.table)]

    def plainer(self, slot: int) -> World:
        """The world with one manner made harmless."""
        return World((*self.table[:slot], Manner(), *self.table[slot + 1 :]))

    @property
    def calm(self) -> World:
        """The world without its faults, so that more of an operation is run."""
        return World(tuple(replace(manner, fault="none") for manner in self.table))

    def __repr__(self) -> str:
        odd = {slot: manner for slot, manner in enumerate(self.table) if manner != Manner()}
        return f"World of {len(self.table)} manners, plain but for {odd}"


def world_of(choices: Choices, *, asynchronous: bool) -> World:
    """A world whose fields answer at once, or also later."""
    forms, timings = (FORMS, TIMINGS) if asynchronous else (FORMS_NOW, TIMINGS[:1])

    faulty = choices.one_of(FAULTY)

    def manner(slot: int) -> Manner:
        fault = choices.one_of(FAULTS)
        given = fault if slot < faulty else "none"
        return Manner(given, choices.one_of(forms), choices.one_of(timings), choices.one_of(SHAPES))

    return World(tuple(map(manner, range(MANNERS))))
