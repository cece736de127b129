"""Facts are matched by provider and model, and the last one counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.json_file import CannotImport
from gateway.llm_models.facts import OWN, facts_of, read_facts, unused
from gateway.llm_models.source import SourceModel, from_package


def _model(provider: str = "p", id: str = "m", window: int | None = 1000) -> SourceModel:
    return SourceModel(provider, id, "Name", window, ())


def _entries(tmp_path: Path, data: Any) -> Any:
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(data))
    return read_facts(file)


def test_without_facts_everything_unknown_is_an_assumption() -> None:
    assert facts_of(_model(window=None), []) == {
        "name": "Name",
        "contextWindow": 4096,
        "maxOutputTokens": 4096,
        "supportsVision": False,
        "supportsTools": False,
        "supportsSystem": False,
        "qualityScore": None,
        "latencyScore": None,
        "isTier1": False,
        "embeddingDimensions": None,
        "assumed": ["contextWindow", "maxOutputTokens", "supportsVision", "supportsTools", "supportsSystem"],
    }


def test_the_last_entry_that_matches_counts(tmp_path: Path) -> None:
    entries = _entries(
        tmp_path,
        [
            {"qualityScore": 1, "contextWindow": 5},
            {"provider": "p", "qualityScore": 2},
            {"model": "m*", "qualityScore": 3, "supportsVision": False},
            {"provider": "q", "qualityScore": 4},
            {"model": "M", "qualityScore": 5},
        ],
    )
    found = facts_of(_model(), entries)
    assert (found["qualityScore"], found["contextWindow"], found["maxOutputTokens"]) == (3, 5, 5)
    assert "supportsVision" not in found["assumed"]
    assert unused(entries, [_model()]) == ["[3]", "[4]"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({}, "the top: it is not a list of entries."),
        ([7], "[0]: 7 is not an object."),
        ([{"model": 7}], "[0], model: 7 is not a name or a pattern."),
        ([{"isTier1": "yes"}], '[0], isTier1: "yes" is not true or false.'),
        ([{"qualityScore": True}], "[0], qualityScore: true is not a whole number."),
        ([{"contextWindow": 2**31}], "[0], contextWindow: 2147483648 is not a whole number."),
        ([{"name": ""}], '[0], name: "" is not a text.'),
        ([{"colour": "red"}], "[0], colour: there is no such field. There are: provider, model, name, contextWindow"),
    ],
)
def test_wrong_facts_are_refused_with_the_place(tmp_path: Path, data: Any, problem: str) -> None:
    with pytest.raises(CannotImport) as caught:
        _entries(tmp_path, data)
    assert caught.value.problems[0].startswith(problem)


def test_parleys_own_facts_are_about_models_that_exist() -> None:
    entries = read_facts(OWN)
    assert unused(entries, from_package().models) == []
    providers = {entry.provider.pattern for entry in entries if entry.facts.get("isTier1")}
    assert len(providers) == 15
