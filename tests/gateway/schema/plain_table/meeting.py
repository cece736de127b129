"""Meetings: a type with lists in its rows, of texts and of objects."""

from __future__ import annotations

import datetime
import enum

import strawberry

from gateway import JSON, BigInt, Node, entity, enum_type, input_type, object_type, standard


@enum_type
class Answer(enum.Enum):
    """What a guest answered."""

    YES = "yes"
    """Comes."""
    NO = "no"
    """Does not come."""


@object_type
class Attendee:
    """Somebody at a meeting."""

    name: str
    """What they are called."""
    role: str | None
    """What they are there for; null if unknown."""
    answer: Answer | None
    """What they answered; null if they did not."""
    person_id: strawberry.ID | None
    """The id of the person; null if unknown."""
    came_at: datetime.datetime | None
    """When they came; null if they did not."""
    words: BigInt | None
    """How many words they said; null if nobody counted."""
    topics: list[str]
    """What they spoke about."""


@input_type
class AttendeeInput:
    """Somebody at a meeting."""

    name: str
    """What they are called."""
    role: str | None = None
    """What they are there for."""
    answer: Answer | None = None
    """What they answered."""
    person_id: strawberry.ID | None = None
    """The id of the person."""
    came_at: datetime.datetime | None = None
    """When they came."""
    words: BigInt | None = None
    """How many words they said."""
    topics: list[str] | None = None
    """What they spoke about."""


@entity("meetings")
class Meeting(Node):
    """People who talk."""

    reasons: list[str]
    """Why they meet."""
    links: list[str] | None
    """Where to read more; null if nobody said."""
    attendees: list[Attendee]
    """Who is there."""
    data: JSON
    """Anything else."""


class MeetingInput:
    """The fields of a meeting that a client may set."""

    reasons: list[str] | None = None
    """Why they meet."""
    links: list[str] | None = None
    """Where to read more."""
    attendees: list[AttendeeInput] | None = None
    """Who is there."""
    data: JSON | None = None
    """Anything else."""


standard(Meeting, input=MeetingInput, scope="personal:write")
