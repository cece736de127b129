"""The data of genai-prices is read with all its prices, and refused with the place of each mistake."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateway.json_file import CannotImport
from gateway.llm_models.price import FIRST, Price, Tier
from gateway.llm_models.source import SourceModel, from_file, from_package, read_models


def _read(prices: Any, **others: Any) -> SourceModel:
    """The only model of data with these prices."""
    (model,) = read_models([{"id": "p", "models": [{"id": "m", "prices": prices, **others}]}], "the test").models
    return model


def _price(input: str, output: str = "0", *, at: datetime.datetime = FIRST, **others: Any) -> Price:
    return Price(at, Decimal(input), Decimal(output), others.get("read"), others.get("write"), others.get("tiers", ()))


def _day(day: int) -> datetime.datetime:
    return datetime.datetime(2026, 1, day, tzinfo=datetime.UTC)


def test_the_package_is_read_without_a_problem() -> None:
    read = from_package()
    assert read.origin.startswith("genai-prices ")
    assert len(read.models) > 1000
    assert read.left_out > 0
    assert all(model.prices[0].valid_from == FIRST for model in read.models)
    assert any(len(model.prices) > 1 for model in read.models)
    assert any(price.tiers for model in read.models for price in model.prices)


def test_a_model_without_a_name_has_its_id() -> None:
    assert _read({"input_mtok": 1}).name == "m"
    assert _read({"input_mtok": 1}, name="A \t Name ").name == "A Name"


def test_a_model_is_read_with_its_prices() -> None:
    read = _read({"input_mtok": 3, "output_mtok": Decimal("15.5"), "cache_read_mtok": "0.3"}, context_window=7)
    assert (read.provider, read.model_id, read.context_window) == ("p", "m", 7)
    assert read.prices == (_price("3", "15.5", read=Decimal("0.3")),)


def test_noise_of_floats_is_rounded_away() -> None:
    assert _read({"input_mtok": Decimal("0.18000000000000002")}).prices == (_price("0.18"),)


def test_a_model_without_any_price_is_free() -> None:
    assert _read({}).prices == (_price("0"),)


def test_a_model_that_is_priced_otherwise_is_left_out() -> None:
    models = [{"id": "m", "prices": {"audio_hours": 1}}, {"id": "n", "prices": {"input_mtok": 1}}]
    read = read_models([{"id": "p", "models": models}], "the test")
    assert [model.model_id for model in read.models] == ["n"]
    assert read.left_out == 1


def test_tiers_of_several_prices_are_merged() -> None:
    prices = {
        "input_mtok": {"base": 1, "tiers": [{"start": 200, "price": 2}, {"start": 100, "price": 3}]},
        "output_mtok": {"base": 4, "tiers": [{"start": 150, "price": 5}]},
    }
    assert _read(prices).prices[0].tiers == (
        Tier(100, Decimal(3), Decimal(4), None, None),
        Tier(150, Decimal(3), Decimal(5), None, None),
        Tier(200, Decimal(2), Decimal(5), None, None),
    )


def test_prices_with_dates_are_sorted_and_the_last_that_applies_counts() -> None:
    prices = [
        {"constraint": {"start_date": "2026-01-09"}, "prices": {"input_mtok": 1}},
        {"constraint": {"start_date": "2026-01-03"}, "prices": {"input_mtok": 3}},
        {"constraint": {"start_date": "2026-01-02"}, "prices": {"input_mtok": 2}},
    ]
    assert _read(prices).prices == (_price("1"), _price("2", at=_day(2)), _price("2", at=_day(3)))


def test_of_prices_by_daytime_the_highest_counts() -> None:
    prices = [
        {"prices": {"input_mtok": 2}},
        {"constraint": {"start_date": "2026-01-02"}, "prices": {"input_mtok": 4}},
        {"constraint": {"start_time": "00:30", "end_time": "16:30"}, "prices": {"input_mtok": 3}},
    ]
    assert _read(prices).prices == (_price("3"), _price("4", at=_day(2)))


WRONG: list[tuple[Any, str]] = [
    ({}, "the top: it is not a list of providers."),
    ([], "the top: it contains no models, so all models would be retired."),
    ([7], "[0]: 7 is not an object."),
    ([{"id": "p", "models": {}}], "[0] p, models: {} is not a list."),
    ([{"models": [{"id": "m", "prices": {}}]}], "[0], id: missing."),
    ([{"id": "p\n", "models": []}], r'[0], id: "p\n" is not a text.'),
    ([{"id": "p", "models": ["m"]}], '[0] p, models[0]: "m" is not an object.'),
    ([{"id": "p", "models": [{}]}], "[0] p, models[0], id: missing."),
    ([{"id": "p", "models": [{"id": "\x1f", "prices": {}}]}], r'[0] p, models[0], id: "\u001f" is not a text.'),
]
WRONG_MODELS: list[tuple[dict[str, Any], str]] = [
    ({"prices": None}, "prices: missing."),
    ({"prices": []}, "prices: [] is not a set of prices, nor a list of sets."),
    ({"prices": {"input_mtok": "much"}}, 'prices.input_mtok: "much" is not a price.'),
    ({"prices": {"input_mtok": -1}}, "prices.input_mtok: -1 is not a price."),
    ({"prices": {"input_mtok": True}}, "prices.input_mtok: true is not a price."),
    ({"prices": {"input_mtok": float("nan")}}, "prices.input_mtok: NaN is not a price."),
    ({"prices": {"input_mtok": "1e99"}}, 'prices.input_mtok: "1e99" is not a price.'),
    ({"prices": {"output_mtok": {"base": 1, "tiers": [{"start": -1, "price": 1}]}}}, "prices.output_mtok.tiers: {"),
    ({"prices": {"output_mtok": {"base": 1, "tiers": [3]}}}, "prices.output_mtok.tiers: 3 is not a tier"),
    ({"prices": {"output_mtok": {"base": 1, "tiers": 3}}}, "prices.output_mtok.tiers: 3 is not a list."),
    ({"prices": [{}, 3]}, "prices[0]: {} has no prices."),
    ({"prices": [{"prices": {}}, {"prices": {}, "constraint": {"start_date": "soon"}}]}, "prices[1], constraint: {"),
    ({"prices": {}, "context_window": 0}, "context_window: 0 is not a number of tokens."),
    ({"prices": {}, "context_window": "big"}, 'context_window: "big" is not a number of tokens.'),
    ({"prices": {}, "name": 7}, "name: 7 is not a text."),
]


@pytest.mark.parametrize(("data", "problem"), WRONG)
def test_wrong_data_is_refused_with_the_place(data: Any, problem: str) -> None:
    with pytest.raises(CannotImport) as caught:
        read_models(data, "prices.json")
    assert problem in caught.value.problems
    assert str(caught.value).startswith("prices.json cannot be imported, so nothing has changed:")


@pytest.mark.parametrize(("model", "problem"), WRONG_MODELS)
def test_a_wrong_model_is_refused_with_its_name(model: dict[str, Any], problem: str) -> None:
    with pytest.raises(CannotImport) as caught:
        read_models([{"id": "p", "models": [{"id": "m", **model}]}], "prices.json")
    assert any(each.startswith(f"[0] p, models[0] m, {problem}") for each in caught.value.problems), caught.value


def test_a_model_that_occurs_twice_is_refused() -> None:
    models = [{"id": "m", "prices": {}}, {"id": "m", "prices": {}}]
    with pytest.raises(CannotImport, match=r"\[0\] p: m occurs twice"):
        read_models([{"id": "p", "models": models}], "prices.json")


def test_of_many_problems_the_first_are_listed() -> None:
    with pytest.raises(CannotImport) as caught:
        read_models([7] * 100, "prices.json")
    assert caught.value.problems[0] == "[0]: 7 is not an object."
    assert caught.value.problems[-1] == "and 90 more"


FILES = [
    ("[1, 2", "is not JSON: line 1, column 6"),
    ("[" * 100_000, "nested too deeply"),
    (f"[{'9' * 5000}]", "a number that is too long"),
]


@pytest.mark.parametrize(("text", "problem"), FILES)
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(text)
    with pytest.raises(CannotImport, match=problem):
        from_file(file)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotImport, match=r"none\.json cannot be read: No such file"):
        from_file(tmp_path / "none.json")
    (tmp_path / "latin.json").write_bytes(b'["\xe9"]')
    with pytest.raises(CannotImport, match="is not UTF-8"):
        from_file(tmp_path / "latin.json")


def test_a_file_has_exact_prices(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    file.write_text(json.dumps([{"id": "p", "models": [{"id": "m", "prices": {"input_mtok": 0.1}}]}]))
    assert from_file(file).models[0].prices == (_price("0.1"),)
