"""What a document requires of an agent's token: the scopes of its root fields, and `read` for what lies beyond."""

from __future__ import annotations

import pytest

from gateway.errors import Forbidden
from gateway.execution.complete import failed
from gateway.execution.prepare.access import Access, plan_access
from gateway.execution.prepare.document import choose, fragments_of, parse
from tests.kit.schema import graphql_schema

SCHEMA = graphql_schema()
MORE = "fragment More on ProposeToolExecutionPayload { toolExecution { message { id } } }"
DEEP = "fragment Deep on ToolExecution { id conversation { id } }"
EVERYTHING = "conversation { messages { nodes { content } } }"


def access(text: str, name: str | None = None) -> Access:
    document = parse(text)
    return plan_access(SCHEMA, choose(document, name), fragments_of(document))


def refusal(text: str, *scopes: str) -> str:
    with pytest.raises(Forbidden) as refused:
        access(text).check(frozenset(scopes))
    return refused.value.message


def proposed(selection: str, fragments: str = "") -> str:
    return f'mutation {{ proposeToolExecution(input: {{toolName: "x"}}) {{ {selection} }} }} {fragments}'


@pytest.mark.parametrize(
    "text",
    [
        "{ __typename }",
        "{ __schema { types { name } } }",
        '{ __type(name: "User") { name } }',
        "mutation { __typename }",
        'mutation { signOut: signIn(input: {email: "", password: ""}) { userErrors { message } user { email } } }',
    ],
)
def test_nothing_is_required(text: str) -> None:
    assert access(text).requirements == ()
    access(text).check(frozenset())


def test_a_refusal_names_the_field_what_it_requires_and_what_the_token_has() -> None:
    approve = 'mutation { a: approveToolExecution(input: {id: ""}) { __typename } }'
    assert refusal(approve, "usage:write", "read") == (
        "Mutation.approveToolExecution requires the scope tools:approve. This token has: read, usage:write."
    )
    cancel = 'mutation { cancelToolExecution(input: {id: ""}) { __typename } }'
    assert refusal(cancel, "read") == (
        "Mutation.cancelToolExecution requires the scope tools:approve, tools:execute or tools:propose. "
        "This token has: read."
    )
    assert refusal("{ viewer { id } }", "tools:propose") == (
        "Query.viewer requires the scope read. This token has: tools:propose."
    )
    assert refusal('mutation { createAgentToken(input: {name: "", scopes: []}) { token } }', "read") == (
        "Only a person can use Mutation.createAgentToken. Agents' tokens are refused."
    )


@pytest.mark.parametrize(
    "text",
    [
        'mutation { asked: approveToolExecution(input: {id: ""}) { __typename } }',
        'mutation { ...It } fragment It on Mutation { asked: purge(input: {id: ""}) { isComplete } }',
        'mutation { asked: signIn(input: {email: "", password: ""}) { user { feedCursor } } }',
        "{ asked: viewer { me: id } }",
    ],
)
def test_a_refusal_has_the_path_of_the_root_field(text: str) -> None:
    with pytest.raises(Forbidden) as refused:
        access(text).check(frozenset())
    assert failed(refused.value).errors[0]["path"] == ["asked"]


@pytest.mark.parametrize("scope", ["tools:approve", "tools:execute", "tools:propose"])
def test_one_of_several_scopes_is_enough(scope: str) -> None:
    access('mutation { cancelToolExecution(input: {id: ""}) { __typename } }').check(frozenset([scope]))


def test_each_root_field_counts_also_in_fragments_and_under_other_names() -> None:
    text = """
        mutation { ...Both }
        fragment Both on Mutation {
            ... on Mutation { one: createConversation(input: {}) { __typename } }
            two: proposeToolExecution(input: {toolName: ""}) @skip(if: true) { __typename }
        }
    """
    access(text).check(frozenset(["messages:write", "tools:propose"]))
    assert "Mutation.proposeToolExecution" in refusal(text, "messages:write")
    assert "Mutation.createConversation" in refusal(text, "tools:propose")


def test_the_operation_that_runs_is_what_counts() -> None:
    text = "query A { viewer { id } } mutation B { createConversation(input: {}) { __typename } }"
    access(text, "B").check(frozenset(["messages:write"]))
    access(text, "A").check(frozenset(["read"]))


@pytest.mark.parametrize(
    ("selection", "fragments", "field"),
    [
        (f"toolExecution {{ {EVERYTHING} }}", "", "ToolExecution.conversation"),
        ("toolExecution { ... { transitions { at } } }", "", "ToolExecution.transitions"),
        ("toolExecution { ...Deep }", DEEP, "ToolExecution.conversation"),
        ("...More", MORE, "ToolExecution.message"),
        (
            "...One",
            "fragment One on ProposeToolExecutionPayload { toolExecution { ...Two } }"
            " fragment Two on Node { ... on ToolExecution { id conversation { id } } }",
            "ToolExecution.conversation",
        ),
        ("toolExecution { conversation @include(if: false) { id } }", "", "ToolExecution.conversation"),
    ],
)
def test_what_lies_beyond_the_object_needs_the_scope_to_read(selection: str, fragments: str, field: str) -> None:
    text = proposed(selection, fragments)
    assert refusal(text, "tools:propose") == (
        f"{field}, in the selection of Mutation.proposeToolExecution, requires the scope read. "
        "This token has: tools:propose."
    )
    access(text).check(frozenset(["tools:propose", "read"]))


@pytest.mark.parametrize(
    "text",
    [
        proposed("toolExecution { id version toolName parameters status createdAt } userErrors { code field message }"),
        "mutation { createConversation(input: {}) { conversation { title averageResponseMs usage { requests } } } }",
        'mutation { addTags(input: {id: "", tagIds: []}) { node { __typename id } tags { id version } } }',
        'mutation { deleteTag(input: {id: ""}) { tag { id version updatedAt deletedAt } userErrors { message } } }',
    ],
)
def test_the_columns_of_the_object_and_what_follows_from_them_need_no_more(text: str) -> None:
    assert "read" not in {scope for each in access(text).requirements for scope in each.scopes}


EXISTING = {
    'removeReaction(input: {messageId: "", emoji: ""}) { message { content } }': "Message.content",
    **{
        f'{how}Tags(input: {{id: "", tagIds: []}}) {{ {shown} }}': column
        for how in ("add", "remove", "set")
        for shown, column in (
            ("tags { name }", "Tag.name"),
            ("node { id ... on Conversation { title } }", "Conversation.title"),
            ("node { createdAt }", "Node.createdAt"),
        )
    },
    **{
        f'{verb}{cls}(input: {{id: ""}}) {{ {cls.lower()} {{ {column} }} }}': f"{cls}.{column}"
        for verb in ("update", "delete", "restore")
        for cls, column in (("Tag", "name"), ("Message", "content"), ("Conversation", "title"))
    },
}
"""Mutations that return what was there before, and the field of it that they show."""


@pytest.mark.parametrize("mutation", EXISTING)
def test_what_others_wrote_in_an_object_needs_the_scope_to_read(mutation: str) -> None:
    refused = f"{EXISTING[mutation]}, in the selection of Mutation.{mutation.split('(')[0]}, requires the scope read."
    assert refused in refusal(f"mutation {{ {mutation} }}", "messages:write", "personal:write")
    name, _, selection = mutation.partition(" { ")
    spread = f"mutation {{ {name} {{ ...On }} }} fragment On on {name[0].upper()}{name.split('(')[0][1:]}Payload"
    assert refused in refusal(f"{spread} {{ {selection}", "messages:write", "personal:write")
    access(f"mutation {{ {mutation} }}").check(frozenset(["messages:write", "personal:write", "read"]))


def test_each_use_of_a_fragment_counts_by_itself() -> None:
    """The same columns of an object are the agent's own where it creates it."""
    create, delete = (
        f'{field}(input: {{{value}: ""}}) {{ tag {{ ...Name }} }}'
        for field, value in (("createTag", "name"), ("deleteTag", "id"))
    )
    name = "fragment Name on Tag { name }"
    access(f"mutation {{ {create} }} {name}").check(frozenset(["personal:write"]))
    for both in (f"{create} {delete}", f"{delete} {create}"):
        assert "Mutation.deleteTag" in refusal(f"mutation {{ {both} }} {name}", "personal:write")


@pytest.mark.parametrize("field", ["feedCursor", "usage { requests }", "stats { messages }", "trash { nodes { id } }"])
def test_what_asks_the_database_again_needs_the_scope_to_read(field: str) -> None:
    text = f'mutation {{ signIn(input: {{email: "", password: ""}}) {{ user {{ {field} }} }} }}'
    assert "Mutation.signIn, requires the scope read" in refusal(text, "messages:write")
