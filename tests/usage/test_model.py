"""Models and their prices, as clients see them after an import."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.serving import Client, Serving
from tests.usage.models import facts, import_into

LIST = (
    "query($first: Int, $after: Cursor, $last: Int, $before: Cursor, $filter: LlmModelFilter, $orderBy: LlmModelOrder)"
    "{ llmModels(first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy)"
    "{ totalCount edges { cursor node { modelId } } nodes { modelId }"
    " pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
)
ONE = "query($provider: String!, $modelId: String!) { llmModel(provider: $provider, modelId: $modelId) { %s } }"
RECOMMEND = (
    "query($needs: RecommendModelsInput!, $first: Int! = 10)"
    "{ recommendModels(needs: $needs, first: $first) { modelId } }"
)
ALL = ["claude", "embed", "free", "gpt-large", "gpt-old", "gpt-small"]


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def imported(database: Database, tmp_path_factory: pytest.TempPathFactory) -> None:
    await import_into(database, entries=facts(tmp_path_factory.mktemp("facts")))


async def listed(client: Client, **arguments: Any) -> list[str]:
    found = (await client.data(LIST, **arguments))["llmModels"]
    ids = [node["modelId"] for node in found["nodes"]]
    assert ids == [edge["node"]["modelId"] for edge in found["edges"]]
    return ids


async def test_a_model_has_its_prices_limits_and_abilities(user: Client) -> None:
    fields = (
        "provider modelId name contextWindow maxOutputTokens inputUsdPerMillion outputUsdPerMillion"
        " blendedUsdPerMillion supportsVision supportsTools supportsSystem qualityScore latencyScore isTier1"
        " embeddingDimensions retiredAt isRetired assumed"
        " prices { validFrom inputUsdPerMillion outputUsdPerMillion cacheReadUsdPerMillion tiers { aboveInputTokens } }"
    )
    await user.check(
        ONE % fields,
        provider="anthropic",
        modelId="claude",
        expect={
            "llmModel": {
                "provider": "anthropic",
                "modelId": "claude",
                "name": "Claude",
                "contextWindow": 200_000,
                "maxOutputTokens": 8000,
                "inputUsdPerMillion": "3",
                "outputUsdPerMillion": "15",
                "blendedUsdPerMillion": "6",
                "supportsVision": False,
                "supportsTools": True,
                "supportsSystem": False,
                "qualityScore": 9,
                "latencyScore": 6,
                "isTier1": False,
                "embeddingDimensions": None,
                "retiredAt": None,
                "isRetired": False,
                "assumed": ["supportsVision", "supportsSystem"],
                "prices": [
                    {
                        "validFrom": "1970-01-01T00:00:00.000000Z",
                        "inputUsdPerMillion": "3",
                        "outputUsdPerMillion": "15",
                        "cacheReadUsdPerMillion": None,
                        "tiers": [],
                    }
                ],
            }
        },
        statements=2,
    )


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("NAME", ["claude", "embed", "free", "gpt-large", "gpt-old", "gpt-small"]),
        ("PRICE", ["free", "embed", "gpt-small", "gpt-old", "claude", "gpt-large"]),
        # Those without a score come last.
        ("QUALITY", ["claude", "gpt-large", "gpt-small", "embed", "free", "gpt-old"]),
        ("LATENCY", ["gpt-small", "claude", "gpt-large", "embed", "free", "gpt-old"]),
    ],
)
async def test_models_are_listed_in_order_forwards_and_backwards(user: Client, order: str, expected: list[str]) -> None:
    assert await listed(user, orderBy=order) == expected
    assert await listed(user, orderBy=order, last=4) == expected[-4:]
    page, after = [], None
    for _ in range(3):
        found = (await user.data(LIST, first=2, after=after, orderBy=order))["llmModels"]
        assert found["totalCount"] == 6
        page += [node["modelId"] for node in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
    assert page == expected
    assert not found["pageInfo"]["hasNextPage"]
    assert found["pageInfo"]["hasPreviousPage"]
    before = found["pageInfo"]["startCursor"]
    assert await listed(user, last=3, before=before, orderBy=order) == expected[1:4]


async def test_the_best_come_first_by_default(user: Client) -> None:
    assert await listed(user) == await listed(user, orderBy="QUALITY")


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, ALL),
        ({"provider": "anthropic"}, ["claude", "free"]),
        ({"provider": ["anthropic", "openai"]}, ALL),
        ({"supportsVision": True}, ["gpt-large", "gpt-small"]),
        ({"supportsTools": True, "supportsVision": False}, ["claude"]),
        ({"supportsSystem": True}, []),
        ({"isTier1": False}, ["claude", "free"]),
        ({"contextWindowFrom": 128_000}, ["claude", "gpt-large", "gpt-small"]),
        ({"inputUsdPerMillionBefore": "0.15"}, ["embed", "free"]),
        ({"isRetired": True}, []),
        ({"isRetired": None}, ALL),
        ({"OR": [{"provider": "anthropic"}, {"supportsVision": True}]}, ["claude", "free", "gpt-large", "gpt-small"]),
        ({"NOT": {"provider": "anthropic"}}, ["embed", "gpt-large", "gpt-old", "gpt-small"]),
    ],
)
async def test_models_are_filtered(user: Client, filter: dict[str, Any], expected: list[str]) -> None:
    assert await listed(user, filter=filter, orderBy="NAME") == expected


async def test_what_is_assumed_is_said(user: Client) -> None:
    found = await user.data(ONE % "contextWindow maxOutputTokens assumed", provider="openai", modelId="gpt-old")
    assert found["llmModel"] == {
        "contextWindow": 4096,
        "maxOutputTokens": 4096,
        "assumed": ["contextWindow", "maxOutputTokens", "supportsVision", "supportsTools", "supportsSystem"],
    }


async def test_the_same_models_are_there_for_everyone_who_is_signed_in(user: Client, stranger: Client) -> None:
    operation = "{ llmModels { nodes { id name prices { id } } } }"
    assert await user.data(operation) == await stranger.data(operation)


async def test_it_is_one_statement_for_a_page_and_one_for_all_prices(user: Client) -> None:
    user.statements.texts.clear()
    await user.data("{ llmModels(first: 5) { nodes { name prices { inputUsdPerMillion } } } }")
    assert len(user.statements.texts) == 2


@pytest.mark.parametrize(
    "operation",
    [
        "{ llmModels { nodes { id } } }",
        "{ llmModels { totalCount } }",
        '{ llmModel(provider: "openai", modelId: "gpt-large") { id } }',
        "{ recommendModels(needs: {}) { id } }",
    ],
)
async def test_who_is_not_signed_in_sees_no_models(serving: Serving, operation: str) -> None:
    answer = await serving.anonymous().run(operation)
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["UNAUTHENTICATED"]


async def test_a_model_is_no_node(user: Client) -> None:
    id = (await user.data(ONE % "id", provider="openai", modelId="gpt-large"))["llmModel"]["id"]
    await user.check(
        "query($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }",
        id=id,
        expect={"node": None, "nodes": [None]},
    )


@pytest.mark.parametrize("name", ["gpt-huge", "", "GPT-large", "\x1f", "a" * 10_000])
async def test_a_model_that_is_not_known_is_null(user: Client, name: str) -> None:
    await user.check(ONE % "name", provider="openai", modelId=name, expect={"llmModel": None})


async def test_a_cursor_of_another_order_is_refused(user: Client) -> None:
    cursor = (await user.data(LIST, first=1, orderBy="NAME"))["llmModels"]["pageInfo"]["endCursor"]
    answer = await user.run(LIST, after=cursor, orderBy="PRICE")
    assert "after" in answer["errors"][0]["message"]


# --- recommendations


async def recommended(client: Client, first: int | None = None, **needs: Any) -> list[str]:
    variables = {"needs": needs} | ({} if first is None else {"first": first})
    return [each["modelId"] for each in (await client.data(RECOMMEND, **variables))["recommendModels"]]


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        # 9 + 6 + 10/7, 6 + 9 + 10/1.2625, 9 + 3 + 10/16, 0 + 0 + 10/1, 10/3
        ({}, ["gpt-small", "claude", "gpt-large", "free", "gpt-old"]),
        ({"latencyWeight": 0, "priceWeight": 0}, ["claude", "gpt-large", "gpt-small", "free", "gpt-old"]),
        ({"qualityWeight": 0, "latencyWeight": 0}, ["free", "gpt-small", "gpt-old", "claude", "gpt-large"]),
        ({"supportsTools": True}, ["claude", "gpt-large"]),
        ({"supportsVision": True, "budgetUsdPerMillion": "1"}, ["gpt-small"]),
        ({"contextWindowFrom": 150_000}, ["claude"]),
        ({"maxOutputTokensFrom": 8001}, ["gpt-small", "gpt-large", "free"]),
        ({"provider": ["anthropic"]}, ["claude", "free"]),
        ({"supportsSystem": True}, []),
    ],
)
async def test_models_are_recommended_by_needs_and_weights(
    user: Client, needs: dict[str, Any], expected: list[str]
) -> None:
    assert await recommended(user, **needs) == expected
    assert await recommended(user, first=2, **needs) == expected[:2]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"needs": {"qualityWeight": -1}}, "needs.qualityWeight: -1.0 is not between 0 and 100."),
        ({"needs": {"priceWeight": 1e9}}, "needs.priceWeight: 1000000000.0 is not between 0 and 100."),
        ({"needs": {}, "first": 51}, "first: 51 is not between 0 and 50."),
    ],
)
async def test_wrong_needs_are_refused(user: Client, variables: dict[str, Any], message: str) -> None:
    answer = await user.run(RECOMMEND, **variables)
    assert [error["message"] for error in answer["errors"]] == [message]
