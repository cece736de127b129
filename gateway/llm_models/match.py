"""The names that a model goes by besides its id, such as dated ones, from the `match` rules of genai-prices.

A rule is one of these objects, whose comparisons ignore case:

    {"equals": "gpt-4o"}, {"starts_with": "gpt-4o-2024"}, {"ends_with": "-latest"}, {"contains": "opus"},
    {"regex": "^o3-\\d{8}$"}, {"or": [rule, …]}, {"and": [rule, …]}
"""

from __future__ import annotations

import re
from typing import Any

from gateway.json_file import Problems, is_text, shown

TEXTS = {"equals": "^{}$", "starts_with": "^{}", "ends_with": "{}$", "contains": "{}"}
LISTS = ("or", "and")
KINDS = (*TEXTS, "regex", *LISTS)

DEEPEST = 10
"""Rules within rules."""


def name_pattern(rule: Any, model_id: str, place: str, problems: Problems) -> str | None:
    """The rule as a regular expression of PostgreSQL over a name in lower case; null if only the id is a name."""
    if rule is None or rule == {"equals": model_id}:
        return None
    return _pattern(rule, place, problems, DEEPEST)


def _pattern(rule: Any, place: str, problems: Problems, depth: int) -> str:
    kind, value = next(iter(rule.items())) if isinstance(rule, dict) and len(rule) == 1 else (None, None)
    if kind in TEXTS and is_text(value):
        return TEXTS[kind].format(re.escape(str(value).lower()))
    if kind == "regex" and is_text(value):
        return str(value)
    if kind in LISTS and isinstance(value, list) and value and depth:
        parts = [_pattern(each, f"{place}.{kind}[{n}]", problems, depth - 1) for n, each in enumerate(value)]
        return f"(?:{'|'.join(parts)})" if kind == "or" else "^" + "".join(f"(?=.*(?:{part}))" for part in parts)
    problems.add(place, f"{shown(rule)} is not a rule. A rule is an object with one of {', '.join(KINDS)}.")
    return ""
