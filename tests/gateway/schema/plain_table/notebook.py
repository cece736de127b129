"""Notebooks: what memos hang from. Has no `deleted_at`, so it can be neither deleted nor restored."""

from __future__ import annotations

from gateway import Node, entity, page, standard


@entity("notebooks")
class Notebook(Node):
    """A place for memos."""

    title: str
    """What it is called."""

    memos = page("Memo", by="notebook_id")
    """Its memos."""
    pins = page("Pin", by="notebook_id")
    """What is pinned to it."""


class NotebookInput:
    """What a client may set in a notebook."""

    title: str
    """What it is called."""


standard(Notebook, input=NotebookInput, scope="personal:write")
