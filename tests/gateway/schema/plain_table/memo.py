"""Memos: a plain type, as somebody adds it to Parley."""

from __future__ import annotations

import datetime
import enum
from typing import Annotated

import strawberry

from gateway import BigInt, Info, Node, computed, entity, enum_type, input_type, mutation, one, query, standard


@enum_type
class MemoColour(enum.Enum):
    """What a memo is written on."""

    YELLOW = "yellow"
    """Yellow paper."""
    GREEN = "green"
    """Green paper."""


@enum_type
class MemoOrder(enum.Enum):
    """The order of a list of memos."""

    OLDEST = "created_at"
    """The one that was written first first."""
    NEWEST = "-created_at"
    """The one that was written last first."""
    TEXT = "text"
    """By what they say."""
    COLOUR = "-colour"
    """By the name of their colour."""
    DONE = "is_done"
    """What is to be done first."""
    TALLY = "-tally"
    """By a number that needs 64 bits."""
    WEIGHT = "weight"
    """By a number that is no whole one."""


@input_type
class MemoFilter:
    """Which memos."""

    id: list[strawberry.ID] | None = None
    """Any of these."""
    notebook_id: strawberry.ID | None = None
    """In this notebook."""
    colour: list[MemoColour] | None = None
    """On any of these colours."""
    text: str | None = None
    """With exactly this text."""
    text_contains: str | None = None
    """With this in the text."""
    has_points: bool | None = None
    """With or without points."""
    points: list[int | None] | None = None
    """With any of these points; null stands for none."""
    label: str | None = strawberry.UNSET
    """With this label; null finds memos without one."""
    tmdb_id: list[int | None] | None = None
    """Of any of these films; null stands for none."""
    device_id: str | None = strawberry.UNSET
    """Written on this device; null finds memos of none."""
    points_from: int | None = None
    """With so many points or more."""
    points_before: int | None = None
    """With fewer points."""
    points_after: int | None = None
    """With more points."""
    created_from: datetime.datetime | None = None
    """Written at this time or later."""


@entity("memos", order=MemoOrder, filter=MemoFilter)
class Memo(Node):
    """Something to remember."""

    text: str
    """What to remember."""
    colour: MemoColour
    """What it is written on."""
    points: int | None
    """How much it counts."""
    label: str | None
    """What it is filed under."""
    is_done: bool
    """Whether it is done."""
    tally: BigInt
    """A number that needs 64 bits."""
    weight: float
    """A number that is no whole one."""
    tmdb_id: int | None
    """The film it is about, as its catalogue numbers it: no UUID."""
    device_id: str | None
    """What it was written on, in the device's own words: no UUID."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null while it is not."""
    notebook_id: strawberry.Private[strawberry.ID]

    notebook = one("Notebook", key="notebook_id")
    """The notebook it is in."""

    @computed("colour")
    def described(self) -> str:
        """The colour as a resolver sees it."""
        return f"{type(self.colour).__name__} {self.colour.name}"


class MemoInput:
    """What a client may set in a memo."""

    notebook_id: strawberry.ID
    """The notebook it is in."""
    text: str
    """What to remember."""
    colour: MemoColour | None = None
    """What it is written on."""
    points: int | None = None
    """How much it counts."""
    label: str | None = None
    """What it is filed under."""
    is_done: bool | None = None
    """Whether it is done."""
    tally: BigInt | None = None
    """A number that needs 64 bits."""
    weight: float | None = None
    """A number that is no whole one."""
    tmdb_id: int | None = None
    """The film it is about, as its catalogue numbers it: no UUID."""
    device_id: str | None = None
    """What it was written on, in the device's own words: no UUID."""


standard(Memo, input=MemoInput, within="notebooks")


@query
async def name_of(
    info: Info, colours: Annotated[list[MemoColour], strawberry.argument(description="Some colours.")]
) -> list[str]:
    """What a resolver is given."""
    return [f"{type(colour).__name__} {colour.name}" for colour in colours]


@input_type
class PaintInput:
    """Which colour."""

    colour: MemoColour
    """It."""


@mutation
async def paint(info: Info, input: PaintInput) -> None:
    """Fail unless the resolver is given a member."""
    if input.colour is not MemoColour.GREEN:
        raise TypeError(input.colour)
