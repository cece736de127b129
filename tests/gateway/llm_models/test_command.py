"""`parley models`, as an operator runs it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from gateway.llm_models.command import DEMO
from gateway.llm_models.source import from_file, from_package
from tests.gateway.test_main import parley
from tests.kit.database import Database
from tests.usage.models import CATALOGUE, FACTS, facts, import_into, model

PRICES = """
SELECT m.model_id, p.input_usd_per_million::float8, p.valid_from > '2000-01-01' AS later
FROM parley.llm_model_prices AS p JOIN parley.llm_models AS m ON m.id = p.llm_model_id
WHERE m.provider = 'openai' AND m.model_id = 'gpt-large' ORDER BY p.valid_from
"""


def run(database: Database, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return parley(
        *("models", *map(str, arguments)),
        PARLEY_DATABASE_URL=database.runtime_url,
        PARLEY_OWNER_URL=database.owner_url,
        PARLEY_LOG_LEVEL="error",
    )


def demo(database: Database) -> subprocess.CompletedProcess[str]:
    return parley("demo", PARLEY_DATABASE_URL=database.runtime_url, PARLEY_OWNER_URL=database.owner_url)


def written(directory: Path, name: str, data: Any) -> Path:
    file = directory / name
    file.write_text(json.dumps(data))
    return file


async def fetch(database: Database, text: str) -> Sequence[Any]:
    connection = await asyncpg.connect(database.owner_url)
    try:
        return [tuple(row) for row in await connection.fetch(text)]
    finally:
        await connection.close()


async def test_an_operator_imports_a_file_and_lists_the_models(empty_database: Database, tmp_path: Path) -> None:
    file = written(tmp_path, "prices.json", CATALOGUE)
    mine = written(tmp_path, "facts.json", [*FACTS, {"model": "nothing", "qualityScore": 1}])
    result = run(empty_database, "import", file, "--facts", mine)
    assert result.returncode == 0, result.stderr
    assert f"{mine}, [{len(FACTS)}] matches no model." in result.stderr
    assert f"6 models from {file}: 6 added, 0 changed, 0 unchanged. 0 others retired. 1 left out" in result.stderr
    again = run(empty_database, "import", file, "--facts", mine)
    assert "0 added, 0 changed, 6 unchanged. 0 others retired." in again.stderr
    assert "Added" not in again.stderr

    listed = run(empty_database, "list", "--order", "price", "--provider", "openai", "--price-below", "10")
    assert [line.split()[:2] for line in listed.stdout.splitlines()] == [
        ["provider", "model"],
        ["openai", "embed"],
        ["openai", "gpt-small"],
        ["openai", "gpt-old"],
    ]
    assert "4096?" in listed.stdout
    best = run(empty_database, "list", "--vision", "--tools", "--tier1", "--context-window", "1000").stdout.splitlines()
    assert best[1:] == ["openai    gpt-large  9        3        10      30       128000   vision, tools"]
    assert "There are no such models" in run(empty_database, "list", "--provider", "nobody").stderr


def test_the_installed_package_is_imported(empty_database: Database) -> None:
    result = run(empty_database, "import")
    assert result.returncode == 0, result.stderr
    assert "models from genai-prices " in result.stderr
    assert "claude" in run(empty_database, "list", "--provider", "anthropic", "--vision").stdout


def test_a_malformed_file_changes_nothing_and_is_named(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path, "prices.json", [{"id": "p", "models": [{"id": "m", "prices": {"input_mtok": "a"}}]}])
    result = run(database, "import", file)
    assert result.returncode == 1
    assert result.stderr == (
        f"parley: {file} cannot be imported, so nothing has changed:\n"
        '  - [0] p, models[0] m, prices.input_mtok: "a" is not a price.\n'
    )
    assert run(database, "import", tmp_path / "none.json").stderr.endswith(
        "none.json cannot be read: No such file or directory.\n"
    )


async def test_a_rule_of_the_database_is_told_with_the_model(database: Database, tmp_path: Path) -> None:
    wrong = facts(tmp_path, [{"model": "claude", "qualityScore": 11}])
    with pytest.raises(Exception, match=r"anthropic/claude, qualityScore: A score must be between 1 and 10\."):
        await import_into(database, entries=wrong)
    assert await fetch(database, "SELECT count(*) FROM parley.llm_models") == [(0,)]
    dear = [{"id": "p", "models": [model("m", input="1000001")]}]
    with pytest.raises(Exception, match=r"p/m, inputUsdPerMillion: The price must be between 0 and 1000000\."):
        await import_into(database, dear)


async def test_changed_prices_are_added_and_absent_models_retired(empty_database: Database, tmp_path: Path) -> None:
    run(empty_database, "import", written(tmp_path, "first.json", CATALOGUE))
    second = [{"id": "openai", "models": [model("gpt-large", 8, 30), model("gpt-new")]}]
    outcome = await import_into(empty_database, second)
    assert outcome.added == ["openai/gpt-new"]
    assert outcome.changed == ["openai/gpt-large"]
    assert sorted(outcome.retired) == [
        *("anthropic/claude", "anthropic/free", "openai/embed", "openai/gpt-old", "openai/gpt-small"),
    ]
    assert await fetch(empty_database, PRICES) == [("gpt-large", 10.0, False), ("gpt-large", 8.0, True)]
    again = await import_into(empty_database, second)
    assert (again.added, again.changed, again.retired) == ([], [], [])
    retired = "SELECT count(*) FROM parley.llm_models WHERE is_retired AND retired_at <= now()"
    assert await fetch(empty_database, retired) == [(5,)]

    returned = await import_into(empty_database)
    assert sorted(returned.changed) == [
        *("anthropic/claude", "anthropic/free", "openai/embed", "openai/gpt-large", "openai/gpt-old"),
        "openai/gpt-small",
    ]
    assert returned.retired == ["openai/gpt-new"]
    assert [cost for _, cost, _ in await fetch(empty_database, PRICES)] == [10.0, 8.0, 10.0]


async def test_two_imports_at_once_are_one_after_the_other(empty_database: Database, tmp_path: Path) -> None:
    run(empty_database, "import", written(tmp_path, "first.json", CATALOGUE))
    second = [{"id": "openai", "models": [model(f"gpt-{n}") for n in range(50)]}]
    outcomes = await asyncio.gather(*(import_into(empty_database, second) for _ in range(4)))
    assert sorted(len(outcome.added) for outcome in outcomes) == [0, 0, 0, 50]
    assert sorted(len(outcome.retired) for outcome in outcomes) == [0, 0, 0, 6]


async def test_the_demo_has_a_few_models_unless_there_are_some(empty_database: Database) -> None:
    assert demo(empty_database).returncode == 0
    listed = run(empty_database, "list", "--order", "name").stdout
    assert "claude-sonnet-4-5" in listed
    assert "gpt-4o-mini" in listed

    await import_into(empty_database)
    connection = await asyncpg.connect(empty_database.owner_url)
    await connection.execute("SET session_replication_role = replica")  # the audit is never truncated otherwise
    await connection.execute("TRUNCATE parley.users CASCADE; TRUNCATE parley.logins, parley.feeds CASCADE")
    await connection.close()
    assert demo(empty_database).returncode == 0
    assert "retired" not in run(empty_database, "list", "--provider", "openai").stdout


def test_the_demo_has_prices_of_the_package() -> None:
    known = {(model.provider, model.model_id): model.prices for model in from_package().models}
    assert all(known[model.provider, model.model_id] == model.prices for model in from_file(DEMO).models)


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--price-below", "much", "'much' is not an amount"),
        ("--price-below", "NaN", "'NaN' is not an amount"),
        ("--context-window", "9999999999", "'9999999999' is not a number of tokens"),
        ("--order", "age", "invalid choice: 'age'"),
    ],
)
def test_a_wrong_option_is_named(option: str, value: str, problem: str) -> None:
    result = parley("models", "list", option, value)
    assert result.returncode == 2
    assert problem in result.stderr


def test_an_import_needs_the_owner(database: Database, tmp_path: Path) -> None:
    file = written(tmp_path, "prices.json", CATALOGUE)
    result = parley("models", "import", str(file), PARLEY_DATABASE_URL=database.runtime_url)
    assert result.returncode != 0
    assert "PARLEY_OWNER_URL is required" in result.stderr
