"""What an explanation says of rules that look as if they matched, and of the limit that applies."""

from __future__ import annotations

import datetime
import re
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.kit.refused import Refusal, only_refusal
from tests.kit.serving import Client

EXPLAIN = """
query($tool: String!, $parameters: JSON, $conversation: ID, $cost: Decimal) {
    explainApproval(
        toolName: $tool, parameters: $parameters, conversationId: $conversation, estimatedCostUsd: $cost
    ) { outcome explanation rule { id } }
}
"""
UNDECIDED = "No rule allows it, and the settings do not approve tools of its risk."


@pytest.fixture
async def person(user: Client) -> Client:
    """A user whose rules may approve new tools."""
    await user.make("updateAutoApprovalSettings", "autoApprovalSettings", requireApprovalForNewTools=False)
    return user


async def rule(user: Client, effect: str = "ALLOW", tool: str = "bash", **values: Any) -> str:
    made = await user.make("createAutoApprovalRule", "autoApprovalRule", toolName=tool, effect=effect, **values)
    id: str = made["id"]
    return id


async def explained(user: Client, tool: str = "bash", **values: Any) -> str:
    text: str = (await user.data(EXPLAIN, tool=tool, **values))["explainApproval"]["explanation"]
    return text


@pytest.mark.parametrize(
    ("pattern", "value", "why"),
    [
        ("git status*", "git status; rm -rf /", "contains ;, which no pattern matches"),
        ("git status*", "git status && ls", "contains &, which no pattern matches"),
        ("git log *", "git log a\nls", "contains a line end"),
        ("ls *", "ls %2e%2e", "contains an encoded character"),
        ("ls *", "ls {a,b}", "contains a character that a shell may act on"),
        ("ls*", "ls -l", "has a space, and the pattern has none"),
        ("ls *", "ls =a", "contains = or % at the beginning of a word"),
        ("ls *", "ls ../x", "contains .. as a directory"),
        ("ls *", "ls .*", "contains a character that a shell may act on"),
        ("ls *", "ls a # b", "contains a character that a shell may act on"),
        ("cat *", "cat /proc/self/environ", "contains a file that the system makes"),
        ("cat *", "cat %a b%", "contains an encoded character, a variable or more"),
        ("src/**", "src/.*", "contains a character that a path must not have"),
        ("src/**", "src/a b", "has a space, and the pattern has none"),
        ("src/**", "src/a./b", "leads to another machine, or has a name that ends in a dot"),
        ("src/**", "src/../../x", "contains .. as a directory"),
        ("git status*", "git status " + "a" * 16384, "has more than 16384 characters"),
        ("git status*", ["git status"], "is an object or a list"),
        ("git status*", "Git Status", "differs in case"),
        ("git * --short", "git a b --short", "has more in place of *"),
    ],
    ids=str,
)
async def test_a_pattern_that_seems_to_match_is_named_with_the_reason(
    person: Client, pattern: str, value: Any, why: str
) -> None:
    await rule(person, arguments={"/command": pattern})
    told = await explained(person, parameters={"command": value})
    assert told.startswith(f"{UNDECIDED} Rule 'bash {pattern}' does not allow it: /command {why}")
    assert told.count("Rule ") == 1


async def test_what_does_not_seem_to_match_is_not_told_of(person: Client) -> None:
    await rule(person, arguments={"/command": "git status*"})
    await rule(person, arguments={"/path": "src/**"})
    await rule(person, host="example.org")
    for parameters in ({"command": "ls; git status"}, {"command": "ls"}, {}):
        assert await explained(person, parameters=parameters) == UNDECIDED
    assert await explained(person, "python", parameters={"command": "git status;"}) == UNDECIDED


async def test_a_host_is_named_with_what_is_not_below_it(person: Client) -> None:
    await rule(person, host="*.example.org")
    for value, why in (
        ("https://a.example.org:8080/", '"https://a.example.org:8080/" is no plain URL of *.example.org'),
        ("example.org", '"example.org" is no plain URL of *.example.org'),
    ):
        assert (await explained(person, parameters={"url": value})).endswith(f"does not allow it: {why}.")


async def test_the_name_of_a_tool_is_plain_too(person: Client) -> None:
    await rule(person, tool="bash*")
    assert (await explained(person, "bash;x")).endswith(
        "Rule 'bash*' does not allow it: the name of the tool contains ;."
    )


async def test_a_rule_that_does_not_apply_here_or_no_longer_is_named(
    person: Client, superuser: asyncpg.Connection
) -> None:
    here, elsewhere = [(await person.make("createConversation", "conversation"))["id"] for _ in range(2)]
    await rule(person, "DENY", arguments={"/command": "rm *"}, conversationId=elsewhere)
    tomorrow = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).isoformat()
    expired = await rule(person, arguments={"/command": "rm *"}, expiresAt=tomorrow)
    async with superuser.transaction():
        await superuser.execute("SET LOCAL session_replication_role = replica")
        past = "UPDATE auto_approval_rules SET expires_at = clock_timestamp() WHERE id = $1"
        await superuser.execute(past, UUID(expired))
    assert await explained(person, parameters={"command": "rm x"}, conversation=here) == (
        f"{UNDECIDED} Rule 'bash rm *' does not deny it: it is limited to another conversation."
        " Rule 'bash rm *' does not allow it: it has expired."
    )
    told = await explained(person, parameters={"command": "rm " + "x" * 1024}, conversation=here)
    assert "deny it" not in told, "comparing long arguments with rules that deny takes too long"
    assert told.endswith("does not allow it: it has expired.")
    assert (await person.make("updateAutoApprovalRule", "autoApprovalRule", "note", id=expired, note="Old."))["note"]


async def test_a_rule_that_another_one_comes_before_is_named(person: Client) -> None:
    here = (await person.make("createConversation", "conversation"))["id"]
    await rule(person, "DENY")
    assert await explained(person) == "Rule 'bash' of the user denies it."
    await rule(person, "ALLOW")
    assert await explained(person) == (
        "Rule 'bash' of the user denies it. Rule 'bash' does not allow it: DENY comes before ALLOW."
    )
    await rule(person, "ALLOW", conversationId=here)
    assert await explained(person, conversation=here) == (
        "Rule 'bash' of this conversation allows it."
        " Rule 'bash' does not deny it: rules of the conversation come before rules without one."
    )


async def test_at_most_three_rules_are_named(person: Client) -> None:
    for n in range(4):
        await rule(person, arguments={"/command": f"git {'*' * (n + 2)}"}, maxCostUsd=f"0.{n + 1}")
    told = await explained(person, parameters={"command": "git status;"})
    assert len(re.findall(r"Rule '", told)) == 3


@pytest.mark.parametrize(
    ("most", "limit"),
    [
        ("0.5", "0.5 USD are approved for one execution by rule 'bash' of the user."),
        ("5", "1 USD are approved for one execution by the settings. Rule 'bash' of the user allows 5 USD, but"),
        ("1", "1 USD are approved for one execution by the settings."),
        (None, "1 USD are approved for one execution by the settings."),
    ],
)
async def test_the_lower_maximum_applies_and_is_named(person: Client, most: str | None, limit: str) -> None:
    await rule(person, maxCostUsd=most)
    told = await explained(person, cost="3")
    assert told.startswith(f"It may cost 3 USD, and at most {limit}")
    assert ("but the lower maximum applies." in told) is (most == "5")


@pytest.mark.parametrize(
    ("values", "field", "message"),
    [
        ({"tool": ""}, "toolName", "A tool name has 1 to 100 characters."),
        ({"tool": "x" * 101}, "toolName", "A tool name has 1 to 100 characters."),
        ({"cost": "-1"}, "estimatedCostUsd", "The cost must be between 0 and 1000000."),
    ],
)
async def test_what_no_proposal_may_have_is_refused_in_the_words_of_the_database(
    user: Client, values: dict[str, Any], field: str, message: str
) -> None:
    answer = await user.run(EXPLAIN, **{"tool": "bash", **values})
    assert only_refusal(answer) == Refusal("INVALID", field, message)
