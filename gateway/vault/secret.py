"""A secret in memory, which shows itself only to those who ask for it by name."""

from __future__ import annotations

from typing import Any, NoReturn


class Secret:
    """A secret text. Printing, formatting, logging or serialising it does not show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text. Use it where the secret is needed, and do not keep it."""
        return self._text

    @property
    def last_four(self) -> str:
        """The last four characters, to recognise it by; empty if it is so short that they would reveal much of it."""
        return self._text[-4:] if len(self._text) >= 12 else ""

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("A secret is not serialised.")

    def __eq__(self, other: object) -> NoReturn:
        # Comparing texts takes a time that depends on them.
        raise TypeError("Secrets are not compared.")

    __hash__ = None  # type: ignore[assignment]
