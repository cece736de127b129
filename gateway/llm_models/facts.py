"""What is known of models besides their prices: by Parley (`facts.json`) and by the operator (`--facts FILE`).

A file is a list of entries. Each sets fields of the models that match its `provider` and `model`, which are names or
patterns such as `claude-*`; without them, it matches all. Of several entries that set a field, the last counts.

    [
      {"provider": "anthropic", "isTier1": true},
      {"provider": "anthropic", "model": "claude-opus-*", "qualityScore": 10, "latencyScore": 5}
    ]
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.json_file import Problems, is_text, json_of, shown
from gateway.llm_models.source import SourceModel

SMALLEST_WINDOW = 4096
"""The context window that is assumed if none is known. Prompts that fit into it fit into every model of today."""

OWN = Path(__file__).with_name("facts.json")

NAMES: dict[str, tuple[type, str]] = {
    "name": (str, "a text"),
    "contextWindow": (int, "a whole number"),
    "maxOutputTokens": (int, "a whole number"),
    "supportsVision": (bool, "true or false"),
    "supportsTools": (bool, "true or false"),
    "supportsSystem": (bool, "true or false"),
    "qualityScore": (int, "a whole number"),
    "latencyScore": (int, "a whole number"),
    "isTier1": (bool, "true or false"),
    "embeddingDimensions": (int, "a whole number"),
}
"""The fields that an entry may set, with their types."""

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one entry says, and of which models."""

    place: str
    provider: re.Pattern[str]
    model: re.Pattern[str]
    facts: Facts

    def matches(self, model: SourceModel) -> bool:
        """Whether it says something about this model."""
        return bool(self.provider.match(model.provider) and self.model.match(model.model_id))


def read_facts(path: Path) -> list[Entry]:
    """The entries of a file. Raises `CannotImport` with all problems and their places."""
    data, problems = json_of(path), Problems(str(path))
    if not isinstance(data, list):
        problems.add("the top", "it is not a list of entries.")
        problems.refuse()
    entries = [_entry(each, f"[{n}]", problems) for n, each in enumerate(data)]
    problems.refuse()
    return [entry for entry in entries if entry is not None]


def _entry(data: Any, place: str, problems: Problems) -> Entry | None:
    if not isinstance(data, dict):
        problems.add(place, f"{shown(data)} is not an object.")
        return None
    patterns = {key: data.get(key, "*") for key in ("provider", "model")}
    for key, pattern in patterns.items():
        if not isinstance(pattern, str):
            problems.add(f"{place}, {key}", f"{shown(pattern)} is not a name or a pattern.")
            return None
    facts = {key: value for key, value in data.items() if key not in patterns}
    for key, value in facts.items():
        if key not in NAMES:
            problems.add(f"{place}, {key}", f"there is no such field. There are: provider, model, {', '.join(NAMES)}.")
        elif not _fits(value, NAMES[key][0]):
            problems.add(f"{place}, {key}", f"{shown(value)} is not {NAMES[key][1]}.")
    compiled = {key: re.compile(fnmatch.translate(pattern)) for key, pattern in patterns.items()}
    return Entry(place, compiled["provider"], compiled["model"], facts)


def _fits(value: Any, of: type) -> bool:
    if isinstance(value, str):
        return of is str and is_text(value)
    return isinstance(value, int) and abs(value) < 2**31 and type(value) is of


def unused(entries: Iterable[Entry], models: Sequence[SourceModel]) -> list[str]:
    """The places of the entries that match no model."""
    return [entry.place for entry in entries if not any(map(entry.matches, models))]


def facts_of(model: SourceModel, entries: Iterable[Entry]) -> Facts:
    """The fields of a model besides its prices, and `assumed`, the names of those that nobody states."""
    stated: Facts = {"name": model.name}
    if model.context_window is not None:
        stated["contextWindow"] = model.context_window
    for entry in entries:
        if entry.matches(model):
            stated |= entry.facts
    window = stated.get("contextWindow", SMALLEST_WINDOW)
    assumptions = {
        "contextWindow": window,
        # No call generates more than fits.
        "maxOutputTokens": window,
        "supportsVision": False,
        "supportsTools": False,
        "supportsSystem": False,
    }
    optional = {"isTier1": False, "qualityScore": None, "latencyScore": None, "embeddingDimensions": None}
    assumed = [name for name in assumptions if name not in stated]
    return {**optional, **assumptions, **stated, "assumed": assumed}
