"""Names of columns in statements."""

from __future__ import annotations

_WORDS = """
all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
current_catalog current_date current_role current_time current_timestamp current_user default deferrable desc
distinct do else end except false fetch for foreign from grant group having in initially intersect into
lateral leading limit localtime localtimestamp not null offset on only or order placing primary references
returning select session_user some symmetric system_user table then to trailing true union unique user using
variadic when where window with
"""
RESERVED = frozenset(_WORDS.split())
"""The words that PostgreSQL reserves, and takes for names only between quotes."""


def quoted(name: str) -> str:
    """A column's name, between quotes if it is a reserved word, such as `limit`."""
    return f'"{name}"' if name in RESERVED else name
