"""Binders: what memos are in through a table between, which has an order of its own."""

from __future__ import annotations

from gateway import Node, Through, entity, page, standard


@entity("binders")
class Binder(Node):
    """A selection of memos."""

    memos = page("Memo", through=Through("binder_memos", "binder_id", "memo_id"), order="-created_at")
    """Its memos, the last that was put in first."""
    rated = page("Memo", through=Through("binder_memos", "binder_id", "memo_id"), order="-points")
    """Its memos, those first that count most in it."""


class BinderInput:
    """What a client may set in a binder: nothing."""


standard(Binder, input=BinderInput, without=("update",), scope="personal:write")
