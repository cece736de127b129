"""A price is found by the names that a model goes by besides its id, as genai-prices finds it."""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg
import pytest
import pytest_asyncio
from genai_prices.data import providers

from gateway.json_file import CannotImport
from gateway.llm_models.source import from_package
from gateway.llm_models.store import store
from gateway.schema.types.natural_id import natural_id
from tests.kit.database import Database
from tests.usage.models import import_into, model

RULES = {
    "or": [
        {"starts_with": "Large-2025"},
        {"and": [{"ends_with": "-LATEST"}, {"contains": "large"}]},
        {"regex": r"^large-(v\d)$"},
        {"equals": "big.one"},
    ]
}

DATA = [
    {
        "id": "openai",
        "models": [
            model("large", match=RULES),
            model("large-2025-05-13"),
            model("plain"),
            model("second", match={"starts_with": "twice"}),
            model("first", match={"starts_with": "twice"}),
        ],
    }
]

FIND = """
SELECT m.model_id
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS n (provider, name, position)
LEFT JOIN LATERAL model_price(n.provider, n.name, now()) AS p ON true
LEFT JOIN llm_models AS m ON m.id = p.llm_model_id
ORDER BY n.position
"""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("large-2025-05-13", "large-2025-05-13"),
        ("large-2025-08-06", "large"),
        ("LARGE-2025-08-06", "large"),
        ("my-large-latest", "large"),
        ("my-small-latest", None),
        ("large-v2", "large"),
        ("large-v22", None),
        ("big.one", "large"),
        ("bigxone", None),
        ("big.one-20251211", "large"),
        ("plain-2024-08-06", "plain"),
        ("plain-20240806", "plain"),
        ("plain@20240806", "plain"),
        ("plain-0806", None),
        ("PLAIN", "plain"),
        ("plainer", None),
        ("twice-told", "first"),
    ],
)
async def test_another_name_has_the_price_of_its_model(
    database: Database, runtime: asyncpg.Connection, name: str, found: str | None
) -> None:
    await import_into(database, DATA)
    assert [row[0] for row in await runtime.fetch(FIND, ["openai"], [name])] == [found]
    assert [row[0] for row in await runtime.fetch(FIND, ["other"], [name])] == [None]


async def test_changed_rules_count_from_the_next_import_on(database: Database, runtime: asyncpg.Connection) -> None:
    await import_into(database, DATA)
    changed = {"id": "openai", "models": [model("large"), model("plain", match={"equals": "big.one"})]}
    assert "openai/plain" in (await import_into(database, [changed])).changed
    (found,) = await runtime.fetch(FIND, ["openai"], ["big.one"])
    assert found[0] == "plain"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"regex": "("}, "openai/gpt, match: invalid regular expression: parentheses .. not balanced"),
        ({"starts_with": ""}, r'\[0\] openai, models\[0\] gpt, match: {"starts_with": ""} is not a rule'),
        (
            {"or": [{"equals": "a"}, {"like": "b"}]},
            r'match.or\[1\]: {"like": "b"} is not a rule. A rule is an object with',
        ),
        ({"or": []}, r'match: {"or": \[\]} is not a rule'),
        ("gpt", 'match: "gpt" is not a rule'),
        ({"equals": "a" * 10_001}, "openai/gpt, namePattern: The rules for names have at most 10000 characters"),
    ],
)
async def test_wrong_rule_is_refused_with_its_place(database: Database, rule: object, said: str) -> None:
    with pytest.raises(CannotImport, match=said):
        await import_into(database, [{"id": "openai", "models": [model("gpt", match=rule)]}])


def names() -> Iterator[tuple[str, str, str]]:
    """Names of models in the package that are not ids, with the id that the package itself finds."""
    known = {(each.provider, each.model_id) for each in from_package().models}
    for provider in providers:
        for each in provider.models:
            for name in (f"{each.id}-2025-12-11", f"{each.id}-latest", each.id.upper(), f"x-{each.id}@20250101"):
                meant = provider.find_model(name)
                if meant is not None and (provider.id, meant.id) in known and (provider.id, name) not in known:
                    yield provider.id, name, meant.id


@pytest_asyncio.fixture(loop_scope="module")
async def whole_package(database: Database) -> None:
    owner: asyncpg.Connection = await asyncpg.connect(database.owner_url)
    try:
        await store(owner, from_package().models, (), "the package")
    finally:
        await owner.close()


@pytest.mark.usefixtures("whole_package")
async def test_names_mean_what_the_package_says(runtime: asyncpg.Connection) -> None:
    expected = list(names())[::7]
    assert len(expected) > 200
    rows = await runtime.fetch(FIND, [each[0] for each in expected], [each[1] for each in expected])
    wrong = [(*each, row[0]) for each, row in zip(expected, rows, strict=True) if row[0] != each[2]]
    assert wrong == []


async def test_the_id_of_another_name_is_that_of_its_model(database: Database, runtime: asyncpg.Connection) -> None:
    await import_into(database, DATA)
    (row,) = await runtime.fetch("SELECT * FROM model_price('openai', 'plain-2024-08-06', now())")
    assert row["llm_model_id"] == natural_id("openai", "plain")
