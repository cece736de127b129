"""Crates: a second type that can be tagged. They cannot be deleted."""

from __future__ import annotations

from gateway import Node, Through, entity, page, standard


@entity("crates")
class Crate(Node):
    """Something with tags on it."""

    tags = page("Tag", through=Through("crate_tags", "crate_id", "tag_id"), order="created_at")
    """Its tags, in the order in which they were added."""


class CrateInput:
    """What a client may set in a crate: nothing."""


standard(Crate, input=CrateInput, without=("update",), scope="personal:write")
