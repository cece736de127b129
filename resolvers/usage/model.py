"""Language models and what they cost: reference data, which operators import with `parley models import`."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from gateway import (
    JSON,
    BadRequest,
    Context,
    Info,
    computed,
    enum_type,
    input_type,
    lookup,
    many,
    natural_id,
    object_type,
    query,
    reference,
    root_page,
    sql,
    usually,
)

MOST_RECOMMENDED = 50


@object_type
class LlmPriceTier:
    """The prices of a call with a long input. They apply to all tokens of the call."""

    above_input_tokens: int
    """The call's input has more tokens than this."""
    input_usd_per_million: Decimal
    """The price of a million input tokens in US dollars."""
    output_usd_per_million: Decimal
    """The price of a million output tokens in US dollars."""
    cache_read_usd_per_million: Decimal | None
    """The price of a million tokens read from the provider's cache in US dollars; null if unknown."""
    cache_write_usd_per_million: Decimal | None
    """The price of a million tokens written to the provider's cache in US dollars; null if unknown."""


@reference("llm_model_prices", order="-valid_from", unique=("valid_from",))
class LlmModelPrice:
    """What a model costs from a time on, until its next price begins."""

    id: strawberry.ID
    """The id of the price, a UUID."""
    valid_from: datetime.datetime
    """When the price begins, which may be in the future. The first price that is known of a model begins in 1970."""
    input_usd_per_million: Decimal
    """The price of a million input tokens in US dollars."""
    output_usd_per_million: Decimal
    """The price of a million output tokens in US dollars."""
    cache_read_usd_per_million: Decimal | None
    """The price of a million tokens read from the provider's cache in US dollars; null if unknown."""
    cache_write_usd_per_million: Decimal | None
    """The price of a million tokens written to the provider's cache in US dollars; null if unknown."""
    llm_model_id: strawberry.Private[strawberry.ID]
    tier_list: strawberry.Private[JSON]

    @computed("tier_list")
    def tiers(self) -> list[LlmPriceTier]:
        """Other prices for calls with a long input, shortest input first. Empty if all calls cost the same."""
        return [
            LlmPriceTier(
                above_input_tokens=tier["above"],
                input_usd_per_million=Decimal(tier["input"]),
                output_usd_per_million=Decimal(tier["output"]),
                cache_read_usd_per_million=_decimal(tier.get("cacheRead")),
                cache_write_usd_per_million=_decimal(tier.get("cacheWrite")),
            )
            for tier in cast("list[dict[str, Any]]", self.tier_list)
        ]


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


@enum_type
class LlmModelOrder(enum.Enum):
    """How lists of models are ordered."""

    QUALITY = "-quality_score, name"
    """Best quality first, then by name; models without a score last."""
    LATENCY = "-latency_score, name"
    """Fastest first, then by name; models without a score last."""
    PRICE = "blended_usd_per_million"
    """Cheapest first, by `blendedUsdPerMillion`."""
    NAME = "name"
    """By name."""


@input_type
class LlmModelFilter:
    """Conditions for a list of models. Each item meets all that are set."""

    provider: list[str] | None = None
    """Of one of these providers, such as `openai`."""
    supports_vision: bool | None = None
    """Whether it accepts images."""
    supports_tools: bool | None = None
    """Whether it can call tools."""
    supports_system: bool | None = None
    """Whether it accepts a system prompt."""
    is_tier1: bool | None = None
    """Whether it is offered by one of the most important providers."""
    context_window_from: int | None = None
    """With a context window of at least so many tokens."""
    input_usd_per_million_before: Decimal | None = None
    """A million input tokens cost less than this, in US dollars."""
    is_retired: bool | None = usually(False)
    """Whether it is no longer offered. If omitted, only models that are offered are listed; null lists all models."""


@reference("llm_models", order=LlmModelOrder, filter=LlmModelFilter)
class LlmModel:
    """A language model as one provider offers it. The same for all users."""

    id: strawberry.ID
    """The id, a UUID, which is the same on every server."""
    provider: str
    """The provider, such as `openai`."""
    model_id: str
    """The provider's name for the model in its API, such as `gpt-4o-mini`."""
    name: str
    """The name to show to people."""
    context_window: int
    """The most tokens that a call may have, input and output together."""
    max_output_tokens: int
    """The most tokens that a call can generate."""
    input_usd_per_million: Decimal
    """The present price of a million input tokens in US dollars."""
    output_usd_per_million: Decimal
    """The present price of a million output tokens in US dollars."""
    blended_usd_per_million: Decimal
    """The present price of a million tokens in US dollars, if three of four are input. Models are compared by it."""
    supports_vision: bool
    """Whether it accepts images."""
    supports_tools: bool
    """Whether it can call tools."""
    supports_system: bool
    """Whether it accepts a system prompt."""
    quality_score: int | None
    """The operator's score of its answers, from 1 to 10 (best); null if there is none."""
    latency_score: int | None
    """The operator's score of its speed, from 1 to 10 (fastest); null if there is none."""
    is_tier1: bool
    """Whether it is offered by one of the most important providers."""
    embedding_dimensions: int | None
    """The length of the vectors that an embedding model returns; null for other models, or if unknown."""
    retired_at: datetime.datetime | None
    """When an import no longer contained it; null if it is still offered. Its prices and usage are kept."""
    is_retired: bool
    """Whether it is no longer offered."""
    assumed_fields: strawberry.Private[JSON]

    prices = many("LlmModelPrice", by="llm_model_id", order="-valid_from")
    """All prices, past and announced, latest first, at most 100."""

    @computed("assumed_fields")
    def assumed(self) -> list[str]:
        """The fields that are assumptions, because nobody has stated them, such as `contextWindow`."""
        return cast("list[str]", self.assumed_fields)


root_page(LlmModel, description="The models that are offered, or those that meet a filter.")


@lookup(LlmModel)
def llm_model(
    context: Context,
    provider: Annotated[str, strawberry.argument(description="The provider, such as `openai`.")],
    model_id: Annotated[str, strawberry.argument(description="The provider's name for it, such as `gpt-4o-mini`.")],
) -> UUID | None:
    """A model by its provider and the provider's name for it, retired or not; null if it is not known."""
    return natural_id(provider, model_id)


@input_type
class RecommendModelsInput:
    """What a model must do, and what matters most."""

    supports_vision: bool = False
    """Whether it must accept images."""
    supports_tools: bool = False
    """Whether it must be able to call tools."""
    supports_system: bool = False
    """Whether it must accept a system prompt."""
    provider: list[str] | None = None
    """Only models of these providers."""
    context_window_from: int | None = None
    """The least context window, in tokens."""
    max_output_tokens_from: int | None = None
    """The least number of tokens that a call must be able to generate."""
    budget_usd_per_million: Decimal | None = None
    """The most that a million tokens may cost in US dollars, as `blendedUsdPerMillion`."""
    quality_weight: float = 1.0
    """How much the quality counts, from 0 (nothing) to 100."""
    latency_weight: float = 1.0
    """How much the speed counts, from 0 (nothing) to 100."""
    price_weight: float = 1.0
    """How much a low price counts, from 0 (nothing) to 100."""


@query
async def recommend_models(
    info: Info,
    needs: Annotated[
        RecommendModelsInput, strawberry.argument(description="What a model must do, and what matters most.")
    ],
    first: Annotated[
        int, strawberry.argument(description=f"How many models to return, up to {MOST_RECOMMENDED}.")
    ] = 10,
) -> list[LlmModel]:
    """The models that meet the needs, most suitable first, at most 50.

    A model's score is `qualityWeight * qualityScore + latencyWeight * latencyScore + priceWeight * 10 / (1 +
    blendedUsdPerMillion)`; a missing score counts as 0. Of two models with the same score, the cheaper one comes first.
    Retired models and embedding models are not recommended.
    """
    if not 0 <= first <= MOST_RECOMMENDED:
        raise BadRequest(f"first: {first} is not between 0 and {MOST_RECOMMENDED}.", argument="first")
    weights = {name: getattr(needs, name) for name in ("quality_weight", "latency_weight", "price_weight")}
    for name, weight in weights.items():
        if not 0 <= weight <= 100:
            raise BadRequest(f"needs.{name.replace('_w', 'W')}: {weight} is not between 0 and 100.", argument="needs")
    return await info.context.select(
        info,
        LlmModel,
        sql.usage.model.recommend,
        **weights,
        vision=needs.supports_vision,
        tools=needs.supports_tools,
        system=needs.supports_system,
        providers=needs.provider,
        context_window=needs.context_window_from,
        output_tokens=needs.max_output_tokens_from,
        budget=needs.budget_usd_per_million,
        first=first,
    )
