"""Reads the data of genai-prices: from the installed package, or from a file in the form of its `data.json`.

https://github.com/pydantic/genai-prices

The data is a list of providers with their models. A model has one set of prices, or a list of sets, each with the date
from which it applies or with times of the day. Of prices that depend on the time of the day, the highest is taken.
Models that are not priced by tokens, such as those that transcribe speech, are left out.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from gateway.json_file import CannotImport, Problems, amount, is_text, json_of, shown, text_in
from gateway.llm_models.match import name_pattern
from gateway.llm_models.price import FIRST, Price, Tier, rounded

TOKEN_PRICES = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}
"""The prices that are imported, by their names in the data."""

INSTALL = "Install Parley with it (pip install 'parley[models]'), or name a file: parley models import FILE"


@dataclass(frozen=True, slots=True)
class SourceModel:
    """A model in the data. Its prices are sorted by time."""

    provider: str
    model_id: str
    name: str
    context_window: int | None
    prices: tuple[Price, ...]
    name_pattern: str | None = None
    """The names that it goes by besides its id, as a regular expression of PostgreSQL."""


@dataclass(slots=True)
class SourceModels:
    """What was read."""

    origin: str
    """Where it came from, such as `genai-prices 0.2.3`."""
    models: list[SourceModel] = field(default_factory=list)
    left_out: int = 0
    """The number of models that are not priced by tokens."""


def from_package() -> SourceModels:
    """The models in the installed package. Raises `CannotImport` if it is not installed."""
    try:
        from genai_prices import __version__
        from genai_prices.data import providers
    except ImportError as error:
        raise CannotImport(f"The package genai-prices is not installed. {INSTALL}") from error
    return read_models(plain(providers), f"genai-prices {__version__}")


def from_file(path: Path) -> SourceModels:
    """The models in a file. Raises `CannotImport`."""
    return read_models(json_of(path), str(path))


def plain(value: Any) -> Any:
    """The package's objects as in its JSON."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        fields = {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
        # Of `or_` and `and_`, which would be keywords, the JSON has `or` and `and`.
        return {name.removesuffix("_"): item for name, item in fields.items() if item is not None}
    if type(value).__name__ == "ModelPrice":
        return {name: plain(item) for name, item in vars(value).items() if item is not None}
    return value


def read_models(data: Any, origin: str) -> SourceModels:
    """The models in data that was parsed. Raises `CannotImport` with all problems and their places."""
    problems, read = Problems(origin), SourceModels(origin)
    if not isinstance(data, list):
        problems.add("the top", "it is not a list of providers.")
        problems.refuse()
    known: set[tuple[str, str]] = set()
    for n, provider in enumerate(data):
        for model in _provider(provider, f"[{n}]", problems):
            if model is None:
                read.left_out += 1
            elif (key := (model.provider, model.model_id)) in known:
                problems.add(f"[{n}] {model.provider}", f"{model.model_id} occurs twice.")
            else:
                known.add(key)
                read.models.append(model)
    problems.refuse()
    if not read.models:
        problems.add("the top", "it contains no models, so all models would be retired.")
        problems.refuse()
    return read


def _provider(data: Any, place: str, problems: Problems) -> Iterator[SourceModel | None]:
    """The provider's models, with None for each that is left out."""
    if not isinstance(data, dict):
        problems.add(place, f"{shown(data)} is not an object.")
        return
    provider, models = text_in(data, "id", place, problems), data.get("models", [])
    place = f"{place} {provider or ''}".rstrip()
    if not isinstance(models, list):
        problems.add(f"{place}, models", f"{shown(models)} is not a list.")
        return
    for n, each in enumerate(models):
        at = f"{place}, models[{n}]"
        if not isinstance(each, dict):
            problems.add(at, f"{shown(each)} is not an object.")
        elif (model_id := text_in(each, "id", at, problems)) is not None and provider is not None:
            before = len(problems.found)
            model = _model(each, provider, model_id, f"{at} {model_id}", problems)
            if len(problems.found) == before:
                yield model


def _model(data: dict[str, Any], provider: str, model_id: str, place: str, problems: Problems) -> SourceModel | None:
    name, window = data.get("name"), data.get("context_window")
    if isinstance(name, str):
        name = " ".join(name.split())
    if name and not is_text(name):
        problems.add(f"{place}, name", f"{shown(name)} is not a text.")
    if window is not None and (not isinstance(window, int) or isinstance(window, bool) or not 0 < window < 2**31):
        problems.add(f"{place}, context_window", f"{shown(window)} is not a number of tokens.")
    prices = _prices(data.get("prices"), f"{place}, prices", problems)
    pattern = name_pattern(data.get("match"), model_id, f"{place}, match", problems)
    return SourceModel(provider, model_id, name or model_id, window, tuple(prices), pattern) if prices else None


def _prices(data: Any, place: str, problems: Problems) -> Sequence[Price]:
    """The prices over time; empty if the model is not priced by tokens."""
    sets: list[tuple[datetime.datetime | None, Price]] = []
    if isinstance(data, dict):
        data = [{"prices": data}]
    if not isinstance(data, list) or not data:
        problems.add(
            place, "missing." if data is None else f"{shown(data)} is not a set of prices, nor a list of sets."
        )
        return ()
    is_by_token = False
    for n, each in enumerate(data):
        at = place if len(data) == 1 else f"{place}[{n}]"
        values = each.get("prices") if isinstance(each, dict) else None
        if not isinstance(values, dict):
            problems.add(at, f"{shown(each)} has no prices.")
            continue
        values = {name: value for name, value in values.items() if value is not None}
        is_by_token = is_by_token or not values or any(name in values for name in TOKEN_PRICES.values())
        begin = _begin(each.get("constraint"), f"{at}, constraint", problems)
        sets.append((FIRST if n == 0 else begin, _price(values, at, problems)))
    return list(_over_time(sets)) if is_by_token else ()


def _over_time(sets: Sequence[tuple[datetime.datetime | None, Price]]) -> Iterator[Price]:
    """The prices that apply from each date on. The last set that applies counts; one without a date is of a daytime."""
    by_daytime = [price for begin, price in sets if begin is None]
    for begin in sorted({begin for begin, _ in sets if begin is not None}):
        dated = [price for other, price in sets if other is not None and other <= begin]
        highest = max([dated[-1], *by_daytime], key=lambda price: price.total)
        yield dataclasses.replace(highest, valid_from=begin)


def _begin(constraint: Any, place: str, problems: Problems) -> datetime.datetime | None:
    """When a set of prices begins to apply; None if it applies at times of the day."""
    if constraint is None:
        return FIRST
    if isinstance(constraint, dict):
        if "start_time" in constraint and "end_time" in constraint:
            return None
        date = constraint.get("start_date")
        with contextlib.suppress(ValueError):
            date = datetime.date.fromisoformat(date) if isinstance(date, str) else date
        if isinstance(date, datetime.date):
            return max(FIRST, datetime.datetime(date.year, date.month, date.day, tzinfo=datetime.UTC))
    problems.add(
        place, f"{shown(constraint)} has neither a start_date, such as 2026-01-31, nor start_time and end_time."
    )
    return FIRST


def _price(values: Mapping[str, Any], place: str, problems: Problems) -> Price:
    bases: dict[str, Decimal | None] = dict.fromkeys(TOKEN_PRICES)
    tiers: dict[str, dict[int, Decimal]] = {}
    for name, key in TOKEN_PRICES.items():
        if key in values:
            bases[name], tiers[name] = _base_and_tiers(values[key], f"{place}.{key}", problems)
    starts = sorted({start for each in tiers.values() for start in each})
    return Price(
        FIRST,
        bases["input"] or Decimal(0),
        bases["output"] or Decimal(0),
        bases["cache_read"],
        bases["cache_write"],
        tuple(_tier(start, bases, tiers) for start in starts),
    )


def _base_and_tiers(value: Any, place: str, problems: Problems) -> tuple[Decimal | None, dict[int, Decimal]]:
    tiers: dict[int, Decimal] = {}
    base = amount(value.get("base") if isinstance(value, dict) else value)
    if base is None:
        problems.add(place, f"{shown(value)} is not a price.")
    listed = value.get("tiers", []) if isinstance(value, dict) else []
    if not isinstance(listed, list):
        problems.add(f"{place}.tiers", f"{shown(listed)} is not a list.")
        listed = []
    for each in listed:
        start, price = (each.get("start"), amount(each.get("price"))) if isinstance(each, dict) else (None, None)
        if not isinstance(start, int) or isinstance(start, bool) or not 0 <= start < 2**31 or price is None:
            problems.add(f"{place}.tiers", f"{shown(each)} is not a tier with start and price.")
        else:
            tiers[start] = rounded(price)
    return None if base is None else rounded(base), tiers


def _tier(start: int, bases: Mapping[str, Decimal | None], tiers: Mapping[str, Mapping[int, Decimal]]) -> Tier:
    def at(name: str) -> Decimal | None:
        reached = [other for other in tiers.get(name, {}) if other <= start]
        return tiers[name][max(reached)] if reached else bases[name]

    return Tier(start, at("input") or Decimal(0), at("output") or Decimal(0), at("cache_read"), at("cache_write"))
