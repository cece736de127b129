"""A scope opens exactly the fields whose `@requires` names it: each field of the schema is tried with each scope.

What should be open is read from the text of the schema, as clients see it, and tried over HTTP and a websocket. New
fields are tried without being listed.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from graphql import FieldDefinitionNode, ObjectTypeDefinitionNode, StringValueNode, get_named_type, is_leaf_type, parse
from graphql import is_required_argument as is_required

from gateway.auth.scope import AGENT_SCOPES, OPEN_NOTHING
from tests.kit.estate import codes
from tests.kit.generated import fields_of, mutations, value
from tests.kit.schema import graphql_schema
from tests.kit.serving import Client, Ended, first

SDL = Path(__file__).parents[2] / "schema.graphql"
SCHEMA = graphql_schema()
ROOTS = {
    definition.name.value: list(definition.fields or ())
    for definition in parse(SDL.read_text("utf-8")).definitions
    if isinstance(definition, ObjectTypeDefinitionNode) and definition.name.value in ("Mutation", "Subscription")
}
NO_SUCH_FEED = "99.1"
"""A cursor of an epoch that there never was, so a subscription that is open ends by itself."""

MANY = (
    [scope for scope in AGENT_SCOPES if scope not in ("tools:approve", "confirmations:decide")],
    [scope for scope in AGENT_SCOPES if scope not in ("tools:execute", "confirmations:propose")],
)
"""The two widest tokens."""


def required(field: FieldDefinitionNode) -> set[str]:
    """The scopes of which the schema says that the field requires one."""
    directives = [each for each in field.directives or () if each.name.value == "requires"]
    values = [argument.value for each in directives for argument in each.arguments or ()]
    return {value.value for value in values if isinstance(value, StringValueNode)}


def is_open(field: FieldDefinitionNode, scopes: list[str]) -> bool:
    needed = required(field)
    return not needed or not needed.isdisjoint(scopes)


def asking(root: str, name: str, field: Any) -> tuple[str, dict[str, Any]]:
    """An operation with valid arguments that name nothing that exists, which selects nothing but a type."""
    given = {key: value(key, each) for key, each in field.args.items() if is_required(each)}
    given |= {"after": NO_SUCH_FEED} if root == "subscription" and "after" in field.args else {}
    declared = ", ".join(f"${key}: {field.args[key].type}" for key in given)
    taken = ", ".join(f"{key}: ${key}" for key in given)
    shown = "" if is_leaf_type(get_named_type(field.type)) else " { __typename }"
    called = f"{name}({taken})" if taken else name
    return f"{root}{declared and f'({declared})'} {{ {called}{shown} }}", given


async def tried(agent: Client) -> tuple[set[str], set[str]]:
    """The mutations and the subscriptions that an agent is not refused."""
    done = {each.name for each in mutations(SCHEMA) if not await is_refused(agent, each)}
    heard = set()
    async with agent.socket() as socket:
        for name, field in fields_of(SCHEMA.subscription_type).items():
            text, variables = asking("subscription", name, field)
            with pytest.raises(Ended) as ended:
                await first(await socket.subscribe(text, **variables), 1)
            (error,) = ended.value.args[0]
            if error["extensions"]["code"] != "FORBIDDEN":
                assert error["extensions"]["code"] in ("RESYNC", "NOT_FOUND"), error
                heard.add(name)
    return done, heard


async def is_refused(agent: Client, mutation: Any) -> bool:
    given = mutation.values(lambda _: str(uuid.uuid4()))
    document = f"mutation($input: {mutation.field.args['input'].type}) {{ {mutation}(input: $input) {{ __typename }} }}"
    answer = await agent.run(document, input=given)
    if "FORBIDDEN" not in codes(answer):
        return False
    (error,) = answer["errors"]
    assert set(answer) == {"errors"}, "nothing was run"
    assert error["path"] == [mutation.name]
    needs = required(field_named("Mutation", mutation.name))
    expected = [f"Mutation.{mutation}", *("Only a person" if scope == "person" else scope for scope in needs)]
    assert all(part in error["message"] for part in expected), error
    return True


def field_named(root: str, name: str) -> FieldDefinitionNode:
    (found,) = [each for each in ROOTS[root] if each.name.value == name]
    return found


def opened(root: str, scopes: list[str]) -> set[str]:
    return {each.name.value for each in ROOTS[root] if is_open(each, scopes)}


WIDTHS = [
    *(pytest.param([scope], id=scope) for scope in AGENT_SCOPES),
    *(pytest.param(scopes, id=f"all with {scopes[3]}") for scopes in MANY),
]


@pytest.mark.parametrize("scopes", WIDTHS)
async def test_a_scope_opens_what_requires_it_and_nothing_else(user: Client, scopes: list[str]) -> None:
    done, heard = await tried(await user.agent(*scopes))
    assert done == opened("Mutation", scopes)
    assert heard == opened("Subscription", scopes)


@pytest.mark.parametrize("scopes", WIDTHS)
async def test_queries_need_the_scope_to_read(user: Client, scopes: list[str]) -> None:
    agent = await user.agent(*scopes)
    for name, field in fields_of(SCHEMA.query_type).items():
        text, variables = asking("query", name, field)
        answer = await agent.run(text, **variables)
        assert ("FORBIDDEN" in codes(answer)) == ("read" not in scopes), (name, answer)
    assert (await agent.data("{ __typename __schema { queryType { name } } }"))["__typename"] == "Query"


async def test_no_person_is_refused(user: Client) -> None:
    for name, field in fields_of(SCHEMA.query_type).items():
        text, variables = asking("query", name, field)
        assert "FORBIDDEN" not in codes(await user.run(text, **variables))


@pytest.mark.parametrize(
    ("mutation", "again"),
    [("createTag", {"name": "other"}), ("updateTag", {"name": "other", "expectedVersion": "1"})],
)
async def test_an_agent_that_may_not_read_is_not_shown_what_it_was_refused_to_change(
    user: Client, mutation: str, again: dict[str, Any]
) -> None:
    tag = await user.make("createTag", "tag", "id version", name="secret")
    again |= {"id": tag["id"]}
    input = f"{mutation[0].upper()}{mutation[1:]}Input"
    text = f"mutation($i: {input}!) {{ {mutation}(input: $i) {{ tag {{ id version }} userErrors {{ code }} }} }}"
    for caller, shown in (
        (user, tag),
        (await user.agent("personal:write", "read"), tag),
        (await user.agent("personal:write"), None),
    ):
        answer = (await caller.data(text, i=again))[mutation]
        assert answer == {"tag": shown, "userErrors": [{"code": "CONFLICT"}]}


def test_every_mutation_and_subscription_says_who_may_use_it() -> None:
    """Only what makes somebody known needs no token."""
    free = {each.name.value for fields in ROOTS.values() for each in fields if not required(each)}
    assert free == {"signUp", "signIn", "refreshSession", "restoreAccount"}
    named = {scope for fields in ROOTS.values() for each in fields for scope in required(each)}
    assert named <= {"person", *AGENT_SCOPES}
    unused = set(AGENT_SCOPES) - named - {"read"}
    assert unused == set(OPEN_NOTHING), "OPEN_NOTHING in gateway/auth/scope.py differs from what the schema requires"


def test_the_description_of_what_only_a_person_may_do_says_so() -> None:
    for fields in ROOTS.values():
        for each in fields:
            text = each.description.value if each.description else ""
            says = "Only a person can do this: agents' tokens are refused." in text
            assert says == (required(each) == {"person"}), each.name.value
