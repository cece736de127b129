"""What a good answer to bad input is: it names the field and the reason, and nothing of what is inside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

INTERNAL = re.compile(
    r"\b[a-z]+_[a-z_]+\b|\bSELECT\b|\bINSERT\b|\bUPDATE\b|violates|relation \"|constraint|asyncpg|postgres"
    r"|Traceback|\.py\b|line \d+, in|object at 0x|Something went wrong"
)
"""Names as only our code and our tables have them, and words of machines."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why something was not done."""

    code: str
    field: str | None
    message: str


def refusals(answer: dict[str, Any]) -> list[Refusal]:
    """The reasons in an answer, which must be fit to be shown to its reader."""
    found = [*_user_errors(answer), *_errors(answer)]
    for refusal in found:
        assert refusal.code != "INTERNAL", answer
        assert refusal.message, answer
        assert not INTERNAL.search(refusal.message), answer
        assert "_" not in (refusal.field or ""), answer
    return found


def only_refusal(answer: dict[str, Any]) -> Refusal:
    """The one reason in an answer."""
    (refusal,) = refusals(answer)
    return refusal


def _user_errors(answer: dict[str, Any]) -> Iterator[Refusal]:
    for payload in (answer.get("data") or {}).values():
        for error in (payload or {}).get("userErrors", ()):
            yield Refusal(error["code"], ".".join(error["field"] or ()) or None, error["message"])


def _errors(answer: dict[str, Any]) -> Iterator[Refusal]:
    for error in answer.get("errors", ()):
        extensions = error["extensions"]
        known = {"code", "field", "argument", "cursor", "retryAfter"}
        assert set(extensions) <= known, json.dumps(error)
        field = extensions.get("argument") or ".".join(extensions.get("field", ()))
        yield Refusal(extensions["code"], field or None, error["message"])
