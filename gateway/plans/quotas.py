"""The quotas of plans, as an operator's file says: a list of quotas for each plan, with the names of the API.

    {
      "free": [
        {"unit": "TOKENS", "period": "DAY", "limit": 100000},
        {"unit": "USD", "period": "MONTH", "limit": "2.50", "mode": "SOFT", "provider": "openai"}
      ],
      "pro": []
    }

Plans that it does not name keep their quotas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from gateway.config import Plan
from gateway.json_file import Problems, amount, is_text, json_of, shown

WORDS = {
    "unit": ("tokens", "usd", "requests", "bytes"),
    "period": ("hour", "day", "month", "total"),
    "mode": ("soft", "hard"),
}
"""The words that a field may have, in the database in lower case."""

TEXTS = ("provider", "model", "automation")
NEEDED = ("unit", "period", "limit")
NAMES = (*WORDS, *TEXTS, "limit", "countsOwnKey")


@dataclass(frozen=True, slots=True)
class PlanQuota:
    """A quota of a plan, and where it is in the file."""

    place: str
    plan: str
    unit: str
    period: str
    provider: str | None
    model: str | None
    automation: str | None
    counts_own_key: bool
    limit: Decimal
    mode: str


def read_quotas(path: Path) -> Mapping[str, Sequence[PlanQuota]]:
    """The quotas in a file, by plan. Raises `CannotImport` with all problems and their places."""
    data, problems = json_of(path), Problems(str(path))
    if not isinstance(data, dict):
        problems.add("the top", "it is not an object with a list of quotas for each plan.")
        problems.refuse()
    quotas: dict[str, list[PlanQuota]] = {}
    for plan, listed in data.items():
        if plan not in get_args(Plan):
            problems.add(plan, f"there is no such plan. The plans are {', '.join(get_args(Plan))}.")
        elif not isinstance(listed, list):
            problems.add(plan, "it is not a list of quotas.")
        else:
            read = [_quota(plan, each, f"{plan}, [{n}]", problems) for n, each in enumerate(listed)]
            quotas[plan] = [each for each in read if each is not None]
    problems.refuse()
    return quotas


def _quota(plan: str, value: Any, place: str, problems: Problems) -> PlanQuota | None:
    before = len(problems.found)
    if not isinstance(value, dict):
        problems.add(place, f"{shown(value)} is not an object.")
        return None
    for name in value.keys() - set(NAMES):
        problems.add(f"{place}, {name}", f"a quota has no such field. It may have {', '.join(NAMES)}.")
    for name in NEEDED:
        if value.get(name) is None:
            problems.add(f"{place}, {name}", "missing.")
    words = {name: str(value.get(name) or "hard").lower() for name in WORDS}
    for name, word in words.items():
        if value.get(name) is not None and word not in WORDS[name]:
            known = ", ".join(each.upper() for each in WORDS[name])
            problems.add(f"{place}, {name}", f"{shown(value[name])} is none of {known}.")
    for name in TEXTS:
        if value.get(name) is not None and not is_text(value[name]):
            problems.add(f"{place}, {name}", f"{shown(value[name])} is not a text.")
    limit, own = amount(value.get("limit")), value.get("countsOwnKey", False)
    if limit is None and value.get("limit") is not None:
        problems.add(f"{place}, limit", f"{shown(value['limit'])} is not an amount.")
    if not isinstance(own, bool):
        problems.add(f"{place}, countsOwnKey", f"{shown(own)} is neither true nor false.")
    if len(problems.found) > before or limit is None:
        return None
    texts: dict[str, Any] = {name: value.get(name) for name in TEXTS}
    return PlanQuota(place, plan, counts_own_key=own, limit=limit, **words, **texts)
