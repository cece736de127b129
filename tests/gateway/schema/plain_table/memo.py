"""Memos: a plain type, as somebody adds it to Parley."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal
from typing import Annotated

import strawberry

from gateway import (
    JSON,
    BigInt,
    Info,
    Node,
    Through,
    computed,
    entity,
    enum_type,
    input_type,
    mutation,
    one,
    page,
    query,
    root_page,
    standard,
)


@enum_type
class MemoColour(enum.Enum):
    """What a memo is written on."""

    YELLOW = "yellow"
    """Yellow paper."""
    GREEN = "green"
    """Green paper."""


@enum_type
class MemoUrgency(enum.Enum):
    """How urgent a memo is. The names are not in this order."""

    LOW = "low"
    """It can wait."""
    MEDIUM = "medium"
    """Soon."""
    HIGH = "high"
    """At once."""


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
    """Green paper first."""
    DONE = "is_done"
    """What is to be done first."""
    TALLY = "-tally"
    """By a number that needs 64 bits."""
    WEIGHT = "weight"
    """By a number that is no whole one."""
    POINTS = "points"
    """What counts least first."""
    DUE = "-due_at"
    """What is due last first."""
    TODO = "-is_done, due_at, -urgency"
    """What is done first, and what is due and urgent first."""
    SHELF = "-label, points, -text, day"
    """By what may be missing."""


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
    created_before: datetime.datetime | None = None
    """Written before this time."""
    labels_includes: list[str] | None = None
    """With any of these labels."""
    tally_after: BigInt | None = None
    """With a larger tally."""
    tally_until: BigInt | None = None
    """With this tally or a smaller one."""
    weight_from: float | None = None
    """As heavy or heavier."""
    weight_before: float | None = None
    """Lighter."""
    price_from: Decimal | None = None
    """As expensive or more so."""
    price_until: Decimal | None = None
    """As expensive or less so."""
    day_from: datetime.date | None = None
    """On this day or later."""
    day_until: datetime.date | None = None
    """On this day or earlier."""
    due_after: datetime.datetime | None = None
    """Due after this time."""
    due_before: datetime.datetime | None = None
    """Due before this time."""
    has_due_at: bool | None = None
    """Whether it is due at all."""
    urgency: list[MemoUrgency | None] | None = None
    """As urgent as any of these; null stands for what is not known."""
    stamp_id: list[strawberry.ID] | None = None
    """With any of these stamps."""
    has_stamp_id: bool | None = None
    """With or without stamps."""


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
    labels: JSON
    """Words to find it by."""
    due_at: datetime.datetime | None
    """When it is due."""
    day: datetime.date | None
    """The day it is about."""
    price: Decimal | None
    """What it costs."""
    urgency: MemoUrgency | None
    """How urgent it is."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null while it is not."""
    notebook_id: strawberry.Private[strawberry.ID]

    notebook = one("Notebook", key="notebook_id")
    """The notebook it is in."""
    stamps = page("Stamp", through=Through("memo_stamps", "memo_id", "stamp_id", deletable=True), order="created_at")
    """The stamps on it."""

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
    labels: JSON | None = None
    """Words to find it by."""
    due_at: datetime.datetime | None = None
    """When it is due."""
    day: datetime.date | None = None
    """The day it is about."""
    price: Decimal | None = None
    """What it costs."""
    urgency: MemoUrgency | None = None
    """How urgent it is."""


standard(Memo, input=MemoInput, within="notebooks", scope="personal:write")
root_page(Memo)


@entity("stamps")
class Stamp(Node):
    """Something to put on memos."""

    name: str
    """What it says."""


class StampInput:
    """What a client may set in a stamp."""

    name: str
    """What it says."""


standard(Stamp, input=StampInput, scope="personal:write")
root_page(Stamp, name="my_stamps", order="-id", description="All stamps, the newest first.")


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


@mutation(scope="personal:write")
async def paint(info: Info, input: PaintInput) -> None:
    """Fail unless the resolver is given a member."""
    if input.colour is not MemoColour.GREEN:
        raise TypeError(input.colour)
