"""Notebooks: what notes hang from. Has no `deleted_at`, so it can be neither deleted nor restored."""

from __future__ import annotations

from gateway import Node, entity, page, standard


@entity("notebooks")
class Notebook(Node):
    """A place for notes."""

    title: str
    """What it is called."""

    notes = page("Note", by="notebook_id")
    """Its notes."""


class NotebookInput:
    """What a client may set in a notebook."""

    title: str
    """What it is called."""


standard(Notebook, input=NotebookInput)
