"""Reads the JSON files that operators import, and says where something is wrong.

A place is named as in `[3] openai, models[5] gpt-4o, name`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from gateway.refusal import Refusal

MOST_PROBLEMS = 10


class CannotImport(Refusal):
    """The data cannot be imported. Lists the first problems with their places."""


@dataclass(slots=True)
class Problems:
    """What is wrong with the data of one file."""

    where: str
    """What the data is called, such as the path of the file."""
    found: list[str] = field(default_factory=list)

    def add(self, place: str, reason: str) -> None:
        """Note a problem."""
        self.found.append(f"{place}: {reason}")

    def refuse(self) -> None:
        """Raise `CannotImport` if there is a problem."""
        if self.found:
            more = len(self.found) - MOST_PROBLEMS
            shown = [*self.found[:MOST_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
            raise CannotImport(f"{self.where} cannot be imported, so nothing has changed:", shown)


def json_of(path: Path) -> Any:
    """The JSON in a file, with exact numbers. Raises `CannotImport`."""
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise CannotImport(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CannotImport(f"{path} is not UTF-8.") from error
    except json.JSONDecodeError as error:
        raise CannotImport(f"{path} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except (ValueError, RecursionError) as error:
        raise CannotImport(f"{path} has a number that is too long, or is nested too deeply.") from error


def text_in(value: Mapping[str, Any], key: str, place: str, problems: Problems) -> str | None:
    """A text that must be there; None if it is not."""
    text = value.get(key)
    if is_text(text):
        return str(text)
    problems.add(f"{place}, {key}", "missing." if text is None else f"{shown(text)} is not a text.")
    return None


def is_text(value: Any) -> bool:
    """Whether it is a text that can be stored and shown."""
    return isinstance(value, str) and value != "" and value.isprintable()


def amount(value: Any) -> Decimal | None:
    """An amount that is not negative; None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and number >= 0 and number.adjusted() < 12 else None


def shown(value: Any) -> str:
    """A value in a message, not too long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:60]}…"
