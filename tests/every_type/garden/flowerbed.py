"""Flowerbeds, the plants in them, and the gardeners who tend them. Tests add this module to a copy of the project."""

from __future__ import annotations

import datetime
import enum

import strawberry

from gateway import (
    BigInt,
    Node,
    Through,
    entity,
    enum_type,
    input_type,
    joined,
    maybe,
    one,
    page,
    root_page,
    standard,
)


@input_type
class FlowerbedFilter:
    """Which flowerbeds."""

    name_contains: str | None = None
    """With this in the name."""
    gardener_id: list[strawberry.ID] | None = None
    """Tended by one of these gardeners."""
    has_gardener_id: bool | None = None
    """Tended by anybody or by nobody."""


@entity("flowerbeds", order="name", filter=FlowerbedFilter)
class Flowerbed(Node):
    """A place where plants grow."""

    name: str
    """What it is called."""
    plants_count: int
    """The number of its plants."""
    total_cm: BigInt
    """The height of all its plants on top of each other."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null if it is not deleted."""

    plants = page("Plant", by="flowerbed_id")
    """Its plants."""
    gardeners = page(
        "Gardener",
        through=Through("flowerbed_gardeners", "flowerbed_id", "gardener_id", deletable=True),
        order="created_at",
    )
    """Who tends it, in the order in which they began."""


class FlowerbedInput:
    """What a client may set."""

    name: str
    """What it is called."""


standard(Flowerbed, input=FlowerbedInput, scope="personal:write")
root_page(Flowerbed)


@enum_type
class PlantKind(enum.Enum):
    """What kind of plant. The names are not in this order."""

    FLOWER = "flower"
    """A flower."""
    HERB = "herb"
    """A herb."""
    TREE = "tree"
    """A tree."""


@enum_type
class PlantOrder(enum.Enum):
    """The order of a list of plants."""

    OLDEST = "created_at"
    """Oldest first."""
    KIND = "-kind, -name"
    """Trees first."""
    TALLEST = "-height_cm"
    """Tallest first."""
    SMALLEST = "height_cm"
    """Smallest first."""


@input_type
class PlantFilter:
    """Which plants."""

    kind: list[PlantKind] | None = None
    """Of one of these kinds."""
    height_cm: list[int | None] | None = None
    """Of one of these heights; null stands for an unknown one."""
    height_cm_from: int | None = None
    """Of at least this height."""
    height_cm_before: int | None = None
    """Of less than this height."""
    has_height_cm: bool | None = None
    """Of a known height or not."""
    colours_includes: list[str] | None = None
    """Of one of these colours."""
    mother_id: strawberry.ID | None = strawberry.UNSET
    """From this plant; null finds plants from none."""


@entity("plants", order=PlantOrder, filter=PlantFilter)
class Plant(Node):
    """What grows in a flowerbed."""

    name: str
    """What it is called."""
    kind: PlantKind
    """What kind of plant it is."""
    height_cm: int | None
    """The height in centimetres; null if unknown."""
    colours: list[str]
    """The colours."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null if it is not deleted."""

    flowerbed = one("Flowerbed", key="flowerbed_id")
    """Where it grows."""
    mother = maybe("Plant", key="mother_id")
    """The plant that it comes from; null if unknown."""


class PlantInput:
    """What a client may set."""

    flowerbed_id: strawberry.ID
    """Where it grows."""
    mother_id: strawberry.ID | None = None
    """The plant that it comes from."""
    name: str
    """What it is called."""
    kind: PlantKind | None = None
    """What kind of plant it is. Defaults to `FLOWER`."""
    height_cm: int | None = None
    """The height in centimetres, from 1 to 10,000."""
    colours: list[str] | None = None
    """The colours, at most 5 of up to 50 characters."""


standard(Plant, input=PlantInput, within="flowerbeds", scope="personal:write")
root_page(Plant)


@entity("gardeners")
class Gardener(Node):
    """Somebody who tends flowerbeds."""

    name: str
    """What they are called."""
    tended: int
    """The number of flowerbeds that they tend."""
    deleted_at: datetime.datetime | None
    """When they were deleted; null if they are not deleted."""

    flowerbeds = page(
        "Flowerbed",
        through=Through("flowerbed_gardeners", "gardener_id", "flowerbed_id", deletable=True),
        order="-created_at",
    )
    """The flowerbeds that they tend, latest first."""


class GardenerInput:
    """What a client may set."""

    name: str
    """What they are called."""


standard(Gardener, input=GardenerInput, scope="personal:write")
joined(Gardener, name="gardeners", scope="personal:write")
root_page(Gardener)
