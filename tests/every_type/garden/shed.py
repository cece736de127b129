"""Sheds, whose locks have secret codes. Tests add this module to a copy of the project."""

from __future__ import annotations

import datetime

from gateway import Node, entity, root_page, secret, standard


@entity("sheds", restorable=False)
class Shed(Node):
    """Where tools are kept."""

    name: str
    """What it is called."""
    deleted_at: datetime.datetime | None
    """When it was deleted, and its code destroyed; null if it is not deleted."""


class ShedInput:
    """What a client may set."""

    name: str
    """What it is called."""
    code: str = secret()
    """What opens the lock, 1 to 1,000 characters. It is sealed, and never returned."""


standard(Shed, input=ShedInput, scope="person")
root_page(Shed)
