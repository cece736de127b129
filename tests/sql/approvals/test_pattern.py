"""Patterns of rules: no trick gets around them, and ordinary calls are approved. Tried by inserts of the serving role.

The cases are in `cases/`: a rule and the calls that are tried against it, by the kind of trick. A call is the value of
the rule's argument, or all parameters; those with `tool` also name their tool.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest
import pytest_asyncio

from tests.kit.database import Database
from tests.kit.runtime import acting_as
from tests.kit.serving import Client


class Tried(NamedTuple):
    """A rule, and the calls that are tried against it, by the kind of trick."""

    rule: Mapping[str, Any]
    calls: Mapping[str, Sequence[Any]]


def _read(name: str) -> list[Tried]:
    text = (Path(__file__).with_name("cases") / f"{name}.json").read_text(encoding="utf-8")
    return [Tried(**each) for each in json.loads(text)]


ATTEMPTS = _read("attempts")
"""What no rule may approve."""
ORDINARY = _read("ordinary")
"""What the rules must approve, so that they are of use."""
ESCAPES = _read("escapes")
"""What DENY rules must refuse in whatever form it comes."""
HARMLESS = _read("harmless")
"""What DENY rules must leave alone."""

RULE = """
INSERT INTO auto_approval_rules (user_id, tool_name, arguments, host, ignore_case, effect)
VALUES (tenant(), $1, $2, $3, $4, $5)
"""
CALL = """
INSERT INTO tool_executions (user_id, conversation_id, tool_name, parameters, estimated_cost_usd)
VALUES (tenant(), (SELECT id FROM conversations WHERE user_id = tenant()), $1, $2, 0)
RETURNING status
"""


def calls(tried: Tried) -> Iterator[tuple[str, str, Any]]:
    """The kind, the tool and the parameters of each call."""
    pointer = next(iter(tried.rule.get("arguments", {})), "/url")
    for kind, values in tried.calls.items():
        for value in values:
            if isinstance(value, str):
                yield kind, "tool", {pointer[1:]: value}
            elif isinstance(value, dict) and "tool" in value:
                yield kind, value["tool"], value
            else:
                yield kind, "tool", value


def count(tried: Sequence[Tried]) -> int:
    return sum(1 for each in tried for _ in calls(each))


@pytest_asyncio.fixture(loop_scope="module")
async def direct(user: Client, database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the serving role as a user who has a conversation and lets rules approve new tools."""
    await user.make("createConversation", "conversation")
    await user.make("updateAutoApprovalSettings", "autoApprovalSettings", requireApprovalForNewTools=False)
    async with acting_as(database, user.user_id) as connection:
        yield connection


async def outcomes(direct: asyncpg.Connection, tried: Tried, effect: str) -> list[tuple[str, str, Any, str]]:
    """What becomes of each call under the rule."""
    found = []
    rule = {"tool_name": "tool", "arguments": {}, "host": None, "ignore_case": False, **tried.rule}
    async with direct.transaction():
        arguments = json.dumps(rule["arguments"])
        await direct.execute(RULE, rule["tool_name"], arguments, rule["host"], rule["ignore_case"], effect)
        for kind, tool, parameters in calls(tried):
            status = await direct.fetchval(CALL, tool, json.dumps(parameters))
            found.append((kind, tool, parameters, status))
        await direct.execute("UPDATE auto_approval_rules SET deleted_at = now()")
    return found


def titles(tried: Sequence[Tried]) -> list[str]:
    return [str(dict(each.rule))[:60] for each in tried]


@pytest.mark.parametrize("tried", ATTEMPTS, ids=titles(ATTEMPTS))
async def test_no_trick_is_approved(direct: asyncpg.Connection, tried: Tried) -> None:
    approved = [each for each in await outcomes(direct, tried, "allow") if each[3] != "pending"]
    assert approved == []


@pytest.mark.parametrize("tried", ORDINARY, ids=titles(ORDINARY))
async def test_ordinary_calls_are_approved(direct: asyncpg.Connection, tried: Tried) -> None:
    refused = [each for each in await outcomes(direct, tried, "allow") if each[3] != "approved"]
    assert refused == []


@pytest.mark.parametrize("effect", ["deny", "ask"])
@pytest.mark.parametrize("tried", ESCAPES, ids=titles(ESCAPES))
async def test_nothing_escapes_a_rule_that_denies_or_asks(
    direct: asyncpg.Connection, tried: Tried, effect: str
) -> None:
    await direct.execute(RULE, "*", "{}", None, False, "allow")
    expected = {"deny": "cancelled", "ask": "pending"}[effect]
    escaped = [each for each in await outcomes(direct, tried, effect) if each[3] != expected]
    assert escaped == []


@pytest.mark.parametrize("tried", HARMLESS, ids=titles(HARMLESS))
async def test_a_rule_that_denies_leaves_other_calls_alone(direct: asyncpg.Connection, tried: Tried) -> None:
    await direct.execute(RULE, "*", "{}", None, False, "allow")
    denied = [each for each in await outcomes(direct, tried, "deny") if each[3] != "approved"]
    assert denied == []


def test_there_are_hundreds_of_each() -> None:
    assert min(count(ATTEMPTS), count(ORDINARY)) >= 200, (count(ATTEMPTS), count(ORDINARY), count(ESCAPES))
