"""The settings of automatic approval have the same names wherever they are listed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType

from resolvers.accounts.audit import AuditAction
from tests.accounts.test_audit import newest
from tests.kit.refused import only_refusal
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client
from tests.sql.approvals.reference import SETTINGS

SCHEMA = graphql_schema()
OTHER: dict[str, Any] = {
    name: not usual if isinstance(usual, bool) else str(Decimal(str(usual)) + 1) for name, usual in SETTINGS.items()
}
"""A value of each setting of the reference that is not the usual one."""


def described(kind: str) -> str:
    """The description of the settings of a conversation."""
    found = SCHEMA.get_type(kind)
    assert isinstance(found, GraphQLObjectType | GraphQLInputObjectType)
    return found.fields["autoApprovalSettings"].description or ""


def test_the_reference_has_the_settings_of_the_api() -> None:
    taken = SCHEMA.get_type("UpdateAutoApprovalSettingsInput")
    assert isinstance(taken, GraphQLInputObjectType)
    assert taken.fields.keys() - {"expectedVersion"} == OTHER.keys()


@pytest.mark.parametrize("kind", ["Conversation", "CreateConversationInput", "UpdateConversationInput"])
def test_a_conversation_describes_all_of_them(kind: str) -> None:
    assert [name for name in OTHER if f"`{name}`" not in described(kind)] == []


async def test_a_conversation_takes_all_of_them_and_names_them_if_it_is_given_another(user: Client) -> None:
    made = await user.make("createConversation", "conversation", "autoApprovalSettings", autoApprovalSettings=OTHER)
    assert made["autoApprovalSettings"] == OTHER
    wrong = await user.mutate("createConversation", "conversation { id }", autoApprovalSettings={"x": 1})
    names = only_refusal(wrong).message.rstrip(".").partition("the settings are ")[2]
    assert set(names.split(", ")) == OTHER.keys()


async def test_a_conversation_decides_by_all_of_them(user: Client) -> None:
    asked = "maxCostPerToolUsd maxCostPerHourUsd check"
    operation = f"""query($conversation: ID!, $tool: String!) {{
        explainApproval(toolName: $tool, conversationId: $conversation) {{ {asked} }}
    }}"""
    for risk, name in (("READ_ONLY", "readOnlyOperations"), ("LOW", "lowRiskOperations")):
        here = await user.make("createConversation", "conversation")
        suggested = await user.make("suggestToolRisk", "knownTool", toolName=name, risk=risk)
        await user.make("updateKnownTool", "knownTool", id=suggested["id"], risk=risk)
        shown = [await user.data(operation, conversation=here["id"], tool=name)]
        for settings in ({"requireApprovalForNewTools": False}, {"requireApprovalForNewTools": False, name: True}):
            settings |= {each: OTHER[each] for each in ("maxCostPerToolUsd", "maxCostPerHourUsd")}
            await user.make("updateConversation", "conversation", id=here["id"], autoApprovalSettings=settings)
            shown.append(await user.data(operation, conversation=here["id"], tool=name))
        assert [tuple(each["explainApproval"].values()) for each in shown] == [
            ("1", "10", "NEW_TOOL"),
            ("2", "11", "RISK"),
            ("2", "11", None),
        ]


@pytest.mark.parametrize("name", OTHER)
async def test_the_audit_tells_of_each(user: Client, name: str) -> None:
    await user.make("updateAutoApprovalSettings", "autoApprovalSettings", **{name: OTHER[name]})
    assert (await newest(user, AuditAction.SETTINGS_CHANGED))["changes"].keys() == {name}
