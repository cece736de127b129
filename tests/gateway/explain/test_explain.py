"""`parley explain` tells, without a database, what an operation asks of one, and cannot differ from what it does."""

from __future__ import annotations

import asyncio
import re
import textwrap
from typing import Any

import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type

from gateway.explain.explain import UnreadableOperation, explain
from tests.kit.generated import fields_of
from tests.kit.plans import LINKED
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Serving

ID = "01980000-0000-7000-8000-000000000001"
SIGNING_IN = {"signUp", "signIn", "refreshSession", "signOut", "deleteAccount", "restoreAccount"}


def _fields(explanation: str) -> list[str]:
    """The fields that ask something, in the order of their asking."""
    return re.findall(r"^([a-z][\w.]*)$", explanation, re.MULTILINE)


def _statements(explanation: str) -> list[str]:
    """The statements, each in one line."""
    parts = re.findall(r"(?:^    .*\n)+", explanation, re.MULTILINE)
    return [" ".join(part.split()) for part in parts]


def test_an_explanation_is_what_a_person_reads_in_a_terminal() -> None:
    assert explain(f'query One {{ conversation(id: "{ID}") {{ title lastMessage {{ role }} }} }}') == (
        textwrap.dedent(
            """\
            query One
            Root resolvers: conversation.
            Runs breadth-first: level by level, each link once for all objects of its level.

            conversation
                SELECT t.id, t.title, t.last_message_id
                FROM conversations AS t
                WHERE t.user_id = $1 AND t.id = $2

            conversation.lastMessage
                SELECT t.id, t.role
                FROM messages AS t
                WHERE t.user_id = $1 AND t.id = $2

            2 statements, however many rows there are.
            """
        )
    )


async def test_it_tells_what_the_gateway_sends(serving: Serving, user: Client) -> None:
    conversation = (await user.make("createConversation", "conversation", title="Talk"))["id"]
    given: dict[str, Any] = {"conversationId": conversation, "role": "ASSISTANT", "content": "May I?"}
    message = (await user.make("addMessage", "message", **given))["id"]
    await user.make("proposeToolExecution", "toolExecution", messageId=message, toolName="run")
    kind: dict[str, Any] = {
        "triggerReason": "AUTO",
        "optimizationType": "TRUNCATION",
        "tokensBefore": 2,
        "tokensAfter": 1,
    }
    await user.make("recordContextOptimization", "contextOptimization", conversationId=conversation, **kind)
    await user.data(LINKED)
    user.statements.texts.clear()
    await user.data(LINKED)
    sent = sorted(" ".join(text.split()) for text in user.statements.texts)
    assert sorted(_statements(await _explained(LINKED))) == sent


async def _explained(text: str) -> str:
    """An explanation from inside a running loop, which the command line never is."""
    return await asyncio.to_thread(explain, text)


def test_each_link_stands_under_the_field_that_follows_it() -> None:
    assert _fields(explain(LINKED)) == [
        "viewer.conversations",
        "viewer.conversations.nodes.lastMessage",
        "viewer.conversations.nodes.messages",
        "viewer.conversations.nodes.contextOptimizations",
        "viewer.conversations.nodes.messages.nodes.toolExecutions",
        "viewer.conversations.nodes.messages.nodes.toolExecutions.nodes.transitions",
    ]


def test_only_the_columns_that_the_operation_reads_are_told() -> None:
    (statement,) = _statements(explain(f'{{ message(id: "{ID}") {{ content }} }}'))
    assert statement.startswith("SELECT t.id, t.content_so_far AS content FROM messages")


def test_a_node_is_looked_for_where_the_fragment_says() -> None:
    told = explain(f'{{ node(id: "{ID}") {{ ... on ToolExecution {{ transitions {{ to }} }} }} }}')
    node, transitions = _statements(told)
    assert "FROM tool_executions AS t" in node
    assert "FROM tool_transitions AS t" in transitions


def test_a_node_of_no_named_type_is_looked_for_in_all_tables() -> None:
    which, node = _statements(explain(f'{{ node(id: "{ID}") {{ version }} }}'))
    assert "UNION ALL" in which
    assert which.endswith("LIMIT 1")
    assert "WHERE t.user_id = $1 AND t.id = $2" in node


def test_changes_are_read_with_the_versions_of_their_rows() -> None:
    told = explain("{ changes { nodes { node { ... on Message { content } } } } }")
    feed, versions, node = _statements(told)
    assert "FROM changes" in feed
    assert "SELECT t.id, t.version FROM messages" in versions
    assert "FROM messages" in node


def test_required_variables_are_made_up() -> None:
    told = explain(
        "query($id: ID!, $first: Int!) { conversation(id: $id) { messages(first: $first) { nodes { seq } } } }"
    )
    assert _fields(told) == ["conversation.messages"]


def test_an_operation_that_asks_for_the_feed_cursor_reads_in_one_snapshot() -> None:
    told = explain("{ viewer { feedCursor email } }")
    assert "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" in told
    assert "2 statements" in told


def test_a_subscription_tells_what_it_waits_for_and_what_an_event_asks() -> None:
    told = explain("subscription { toolExecutionChanged { toStatus toolExecution { toolName } } }")
    assert "Waits for changes of tool_transitions (insert). For each event:" in told
    assert _fields(told) == ["toolExecutionChanged.toolExecution"]


def test_what_cannot_be_read_is_refused_with_its_reason() -> None:
    with pytest.raises(UnreadableOperation, match="Cannot query field 'nope' on type 'Query'"):
        explain("{ nope }")


@pytest.mark.parametrize(
    "operation",
    [
        'mutation { refreshSession(input: { refreshToken: "x" }) { accessToken } }',
        'mutation { signIn(input: { email: "a@example.org", password: "x" }) { accessToken } }',
        "mutation { signOut(input: {}) { session { id } } }",
    ],
)
def test_what_depends_on_data_is_said_in_a_sentence(operation: str) -> None:
    assert "the rest depends on data." in explain(operation)


def _root_fields() -> list[tuple[str, str]]:
    schema = graphql_schema()
    roots = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}
    return [(kind, name) for kind, root in roots.items() if root for name in root.fields if name not in SIGNING_IN]


WITH_URL = {"createProviderConfig", "updateProviderConfig"}
BY_THE_DATABASE = {"appendMessage", "restore", "purge", "createAgentToken", "revokeAgentToken", "explainApproval"}
BY_THE_DATABASE |= {*WITH_URL, "checkUsage"}
"""What goes on in a way that only the database can tell, or the keys and the sockets of a gateway."""


def _a_column(of: Any) -> str:
    """A selection of a column other than the id, in the rows of a page if it is one."""
    fields = fields_of(of)
    if "nodes" in fields:
        return f"nodes {{ {_a_column(get_named_type(fields['nodes'].type))} }}"
    return next((name for name in ("version", "name") if name in fields), "__typename")


@pytest.mark.parametrize(("kind", "field"), _root_fields())
def test_every_root_field_can_be_explained(kind: str, field: str) -> None:
    schema = graphql_schema()
    root = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}[
        kind
    ]
    assert root is not None
    declared = root.fields[field]
    named = {name: argument for name, argument in declared.args.items() if str(argument.type).endswith("!")}
    takes = ", ".join(f"${name}: {argument.type}" for name, argument in named.items())
    gives = ", ".join(f"{name}: ${name}" for name in named)
    of = get_named_type(declared.type)
    below = [
        name
        for name, each in (of.fields.items() if isinstance(of, GraphQLObjectType) else ())
        if isinstance(get_named_type(each.type), GraphQLObjectType | GraphQLInterfaceType) and name != "userErrors"
    ]
    # A viewer of whom nothing is asked is not read.
    first = _a_column(of) if kind == "query" else "__typename"
    selection = " ".join([first, *(f"{name} {{ __typename }}" for name in below if kind != "query")])
    told = explain(
        f"{kind}{f'({takes})' if takes else ''} {{ {field}{f'({gives})' if gives else ''} {{ {selection} }} }}"
    )
    assert ("Unknown without a database" in told) is (field in BY_THE_DATABASE)
    # A sample of a text is no name of a type, and a sampled key names no provider: these refuse it first. The rules for
    # a URL, a proposal and a reservation are asked about without a statement of the user.
    by_rules = {*WITH_URL, "explainApproval", "checkUsage"}
    is_refused_first = field in {"emptyTrash", "exportAccount", "createProviderKey", *by_rules}
    assert _statements(told) or "Waits for signals" in told or is_refused_first
