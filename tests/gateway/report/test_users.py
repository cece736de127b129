"""`parley report users`, as an operator runs it."""

from __future__ import annotations

import datetime
import re
import subprocess

import pytest

from tests.gateway.test_main import parley
from tests.kit.database import Database
from tests.kit.serving import Client, Serving


def report(database: Database, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `parley report users`."""
    return parley(
        *("report", "users", *arguments),
        PARLEY_DATABASE_URL=database.runtime_url,
        PARLEY_OWNER_URL=database.owner_url,
        PARLEY_LOG_LEVEL="error",
    )


async def used(client: Client, tokens: int) -> None:
    values = {"provider": "openai", "model": "gpt-4o", "inputTokens": tokens, "costUsd": "0.5"}
    await client.make("recordUsage", "usageLog", "id", **values)


async def test_users_are_listed_by_their_tokens(
    database: Database, user: Client, stranger: Client, serving: Serving
) -> None:
    for client, tokens in ((user, 5_000_000), (stranger, 7_000_000), (stranger, 1_000_000)):
        await used(client, tokens)
    email, other = [(await client.data("{ viewer { email } }"))["viewer"]["email"] for client in (user, stranger)]
    result = report(database, "--tokens-over", "4999999")
    assert result.returncode == 0, result.stderr
    heading, first, second = result.stdout.splitlines()
    assert heading.split()[:2] == ["user", "plan"]
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    assert first.split() == [other, "free", "(active)", "2", "8,000,000", "1", today]
    assert second.split() == [email, "free", "(active)", "1", "5,000,000", "0.5", today]

    assert [line.split()[0] for line in report(database, "--tokens-over", "5000000").stdout.splitlines()] == [
        "user",
        other,
    ]
    assert len(report(database, "--tokens-over", "4999999", "--most", "1").stdout.splitlines()) == 2
    tomorrow = datetime.date.fromisoformat(today) + datetime.timedelta(days=2)
    assert len(report(database, "--since", tomorrow.isoformat()).stdout.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("--since", "yesterday"), ("--tokens-over", "-1"), ("--most", "many")])
async def test_a_wrong_option_is_refused(database: Database, arguments: tuple[str, str]) -> None:
    result = report(database, *arguments)
    assert result.returncode == 2
    assert re.search(f"argument {arguments[0]}: '{arguments[1]}' is not a", result.stderr)
