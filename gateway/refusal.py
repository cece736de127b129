"""Reasons not to start, written for the person at the terminal.

A `Refusal` never reaches a caller of the API: the command line prints its message, without a traceback, and exits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class Refusal(Exception):
    """Parley cannot continue. The message says what is wrong and what to do about it."""

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, problems: Sequence[str] = ()) -> None:
        super().__init__("\n".join([message, *(f"  - {problem}" for problem in problems)]))
        self.problems = tuple(problems)
