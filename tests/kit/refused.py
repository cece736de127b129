"""Read the errors of a response, and check that they name the field and the reason but expose no internals."""

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
"""Matches snake_case names, SQL, and text from stack traces, none of which a message may contain."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One error of a response: a user error of a mutation, or a GraphQL error."""

    code: str
    field: str | None
    message: str


def refusals(answer: dict[str, Any]) -> list[Refusal]:
    """All errors of a response, or of the payload of one mutation. Each must be fit to show to a user."""
    every = [*_user_errors(answer), *_errors(answer)]
    for refusal in every:
        assert refusal.code != "INTERNAL", answer
        assert refusal.message, answer
        assert not INTERNAL.search(refusal.message), answer
        assert "_" not in (refusal.field or ""), answer
    return every


def only_refusal(answer: dict[str, Any]) -> Refusal:
    """The error of a response, or of a payload, that must have exactly one."""
    (refusal,) = refusals(answer)
    return refusal


def _user_errors(answer: dict[str, Any]) -> Iterator[Refusal]:
    for payload in [answer] if "userErrors" in answer else (answer.get("data") or {}).values():
        for error in (payload or {}).get("userErrors", ()):
            yield Refusal(error["code"], ".".join(error["field"] or ()) or None, error["message"])


def _errors(answer: dict[str, Any]) -> Iterator[Refusal]:
    for error in answer.get("errors", ()):
        extensions = error["extensions"]
        known = {"code", "field", "argument", "cursor", "retryAfter"}
        assert set(extensions) <= known, json.dumps(error)
        field = extensions.get("argument") or ".".join(extensions.get("field", ()))
        yield Refusal(extensions["code"], field or None, error["message"])
