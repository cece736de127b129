"""`parley plan`, as an operator runs it, and what users see of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.accounts.plans import polar
from tests.gateway.test_main import parley
from tests.kit.database import Database
from tests.kit.serving import Client, Serving

SEEN = """
{ viewer { planType planStatus usageQuotas { nodes {
    id unit period provider model automation limit mode countsOwnKey setBy used
} } } }
"""
TOKENS = {"unit": "TOKENS", "period": "DAY", "limit": 1000}
USD = {"unit": "usd", "period": "month", "limit": "2.50", "mode": "SOFT", "provider": "openai", "countsOwnKey": True}

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(database: Database) -> Run:
    """Runs `parley plan`."""

    def go(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return parley(
            *("plan", *map(str, arguments)),
            PARLEY_DATABASE_URL=database.runtime_url,
            PARLEY_OWNER_URL=database.owner_url,
            PARLEY_LOG_LEVEL="error",
        )

    return go


@pytest.fixture
def quotas(run: Run, tmp_path: Path) -> Run:
    """Runs `parley plan quotas` with a file of this content, and without quotas at the end."""

    def go(content: Any) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "quotas.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return run("quotas", file)

    return go


async def seen(user: Client) -> dict[str, Any]:
    viewer: dict[str, Any] = (await user.data(SEEN))["viewer"]
    return viewer


async def limits(user: Client) -> list[tuple[str, str, str]]:
    return [(each["unit"], each["limit"], each["setBy"]) for each in (await seen(user))["usageQuotas"]["nodes"]]


async def test_an_operator_sets_and_shows_a_plan(serving: Serving, run: Run) -> None:
    user = await serving.signed_up(email="set@example.org")
    result = run("set", "Set@example.org", "enterprise", "--status", "trialing")
    assert (result.returncode, result.stderr) == (0, "The plan of Set@example.org is enterprise (trialing).\n")
    assert ((await seen(user))["planType"], (await seen(user))["planStatus"]) == ("ENTERPRISE", "TRIALING")
    # It holds, whatever the subscriptions say.
    assert await polar.send(user.http, user.url, polar.event(user.user_id)) == (202, "written")
    assert (await seen(user))["planType"] == "ENTERPRISE"
    assert run("show", "set@example.org").stdout == (
        "plan: enterprise (trialing), set by an operator\nsubscription: polar sub-1: pro (active), until 2026-02-01\n"
    )
    assert "is pro (active)" in run("set", "set@example.org", "subscription").stderr
    assert (await seen(user))["planType"] == "PRO"


def test_what_an_operator_mistypes_is_named(database: Database, run: Run) -> None:
    result = run("set", "nobody@example.org", "pro")
    assert result.returncode == 1
    assert "There is no user with the address or the name nobody@example.org." in result.stderr
    result = run("set", "nobody@example.org", "gold")
    assert result.returncode == 2
    assert "gold" in result.stderr


async def test_the_quotas_of_a_plan_are_those_of_its_users(serving: Serving, run: Run, quotas: Run) -> None:
    one, other = await serving.signed_up(email="one@example.org"), await serving.signed_up()
    own = await one.make("createUsageQuota", "usageQuota", unit="TOKENS", period="DAY", limit="5")
    result = quotas({"free": [TOKENS, USD], "pro": []})
    assert (result.returncode, result.stderr) == (0, "free: 2 quotas; pro: 0 quotas.\n")
    of_plan = [("TOKENS", "1000", "SYSTEM"), ("USD", "2.5", "SYSTEM")]
    new = await serving.signed_up()
    assert await limits(one) == [("TOKENS", "5", "USER"), *of_plan]
    assert await limits(other) == await limits(new) == of_plan
    (_, soft) = (await seen(other))["usageQuotas"]["nodes"]
    assert {name: soft[name] for name in ("provider", "mode", "countsOwnKey", "period")} == {
        "provider": "openai",
        "mode": "SOFT",
        "countsOwnKey": True,
        "period": "MONTH",
    }
    shown = run("show", "one@example.org").stdout
    assert "quota: 1000 tokens per day, hard: 0 used, 0 reserved\n" in shown
    assert "quota: 2.5 usd per month (openai, own keys count), soft: 0 used, 0 reserved\n" in shown

    # What stays, keeps its id; the user's own is left alone.
    before = {each["id"] for each in (await seen(one))["usageQuotas"]["nodes"]}
    quotas({"free": [{**TOKENS, "limit": 2000}, {**USD, "model": "large"}]})
    assert await limits(one) == [("TOKENS", "5", "USER"), ("TOKENS", "2000", "SYSTEM"), ("USD", "2.5", "SYSTEM")]
    kept = before & {each["id"] for each in (await seen(one))["usageQuotas"]["nodes"]}
    assert len(kept) == 2
    assert own["id"] in kept

    # Whoever changes the plan, changes the quotas.
    await polar.send(one.http, one.url, polar.event(one.user_id))
    assert await limits(one) == [("TOKENS", "5", "USER")]
    quotas({"pro": [{**TOKENS, "limit": 9}]})
    assert await limits(one) == [("TOKENS", "5", "USER"), ("TOKENS", "9", "SYSTEM")]
    assert "TOKENS" in str(await limits(other))
    run("set", "one@example.org", "free")
    assert await limits(one) == [("TOKENS", "5", "USER"), ("TOKENS", "2000", "SYSTEM"), ("USD", "2.5", "SYSTEM")]
    quotas({"free": [], "pro": []})
    assert await limits(one) == [("TOKENS", "5", "USER")]
    assert await limits(other) == []


async def test_users_who_sign_up_meanwhile_get_one_or_the_other(serving: Serving, quotas: Run) -> None:
    quotas({"free": [TOKENS]})
    task = asyncio.create_task(asyncio.to_thread(quotas, {"free": [{**TOKENS, "limit": 7}]}))
    users = []
    while not task.done():
        users.append(await serving.signed_up())
    assert (await task).returncode == 0
    assert users
    assert [await limits(user) for user in users] == [[("TOKENS", "7", "SYSTEM")]] * len(users)
    quotas({"free": []})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "is not JSON"),
        ([], "the top: it is not an object"),
        ({"gold": []}, "gold: there is no such plan"),
        ({"free": {}}, "free: it is not a list"),
        ({"free": [7]}, "free, [0]: 7 is not an object"),
        ({"free": [{**TOKENS, "limit": "many"}]}, 'free, [0], limit: "many" is not an amount'),
        ({"free": [{**TOKENS, "limit": 0}]}, "free, [0], limit: A limit must be greater than 0."),
        ({"free": [{**TOKENS, "limit": 1.5}]}, "free, [0], limit: A limit of tokens, requests or bytes is a whole"),
        ({"free": [{**TOKENS, "period": "YEAR"}]}, 'free, [0], period: "YEAR" is none of HOUR, DAY, MONTH, TOTAL.'),
        ({"free": [{"unit": "TOKENS", "limit": 1}]}, "free, [0], period: missing."),
        ({"free": [{**TOKENS, "maximum": 1}]}, "free, [0], maximum: a quota has no such field."),
        ({"free": [{**TOKENS, "provider": 1}]}, "free, [0], provider: 1 is not a text."),
        ({"free": [{**TOKENS, "provider": "x" * 51}]}, "free, [0], provider: A provider name has 1 to 50 characters."),
        ({"free": [{**TOKENS, "countsOwnKey": "no"}]}, 'free, [0], countsOwnKey: "no" is neither true nor false.'),
        ({"free": [TOKENS, TOKENS]}, "free, [1], unit: The plan has a quota of the same unit, period and calls"),
    ],
    ids=str,
)
async def test_a_file_that_is_wrong_changes_nothing(serving: Serving, quotas: Run, content: Any, message: str) -> None:
    user = await serving.signed_up()
    result = quotas(content)
    assert result.returncode == 1
    assert message in result.stderr
    assert await limits(user) == []
