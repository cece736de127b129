"""Climates, which are reference data, and the settings of a garden. Tests add this module to a copy of the project."""

from __future__ import annotations

import enum

import strawberry

from gateway import Node, entity, enum_type, input_type, reference, root_page, standard, usually


@enum_type
class ClimateOrder(enum.Enum):
    """The order of a list of climates."""

    RAIN = "-rain_mm"
    """Wettest first."""
    CODE = "code"
    """By code."""


@input_type
class ClimateFilter:
    """Which climates."""

    has_rain_mm: bool | None = None
    """With a known rainfall or not."""
    rain_mm_until: int | None = None
    """With at most this rainfall."""
    has_frost: bool | None = usually(False)
    """With frost or without; null lists all."""


@reference("climates", order=ClimateOrder, filter=ClimateFilter, unique=("code",))
class Climate:
    """The weather of a place. The same for all users."""

    id: strawberry.ID
    """The id, a UUID."""
    code: str
    """The code."""
    rain_mm: int | None
    """The rain of a year in millimetres; null if unknown."""
    has_frost: bool
    """Whether it freezes."""


root_page(Climate)


@entity("garden_settings", one_per_user=True)
class GardenSettings(Node):
    """How a user's garden is tended."""

    greeting: str | None
    """What the gate says; null if it says nothing."""
    waters_by_itself: bool
    """Whether it is watered by itself."""


class GardenSettingsInput:
    """What a client may set."""

    greeting: str | None = None
    """What the gate says."""
    waters_by_itself: bool | None = None
    """Whether it is watered by itself. Defaults to true."""


standard(GardenSettings, input=GardenSettingsInput, scope="personal:write")
