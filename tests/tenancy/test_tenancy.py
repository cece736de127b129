"""Nobody sees or changes another user's rows through the API: every field of the schema is tried as a stranger.

Operations are generated from the schema, and `tests/kit/derived.py` creates the rows, so new types and fields are
tested without being listed. The stranger knows every id and cursor of the victim, but no secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from graphql import GraphQLField, get_named_type, is_leaf_type, is_non_null_type, is_required_argument

from gateway.data.driver.connection import StampedConnection
from gateway.schema.objects.level import RootLink, level_resolver_of
from tests.kit import samples
from tests.kit.estate import Estate, Scene, codes, make_estate
from tests.kit.generated import (
    Mutation,
    field_selection,
    fields_of,
    forged_token,
    mutations,
    own,
    types_of_reference,
    types_of_rows,
    value,
)
from tests.kit.rows import ids_in, rows_of, texts_in, unchanged
from tests.kit.schema import graphql_schema
from tests.kit.serving import PASSWORD

SCHEMA = graphql_schema()
QUERIES = fields_of(SCHEMA.query_type)
USER = fields_of(SCHEMA.type_map["User"])
LISTS = [name for name, field in USER.items() if "totalCount" in fields_of(field.type)]
"""The user's links that are pages."""
FILTERS = [
    (name, key) for name in LISTS if "filter" in USER[name].args for key in fields_of(USER[name].args["filter"].type)
]
MUTATIONS = mutations(SCHEMA)
NAMING = [(mutation, field) for mutation in MUTATIONS for field in mutation.ids]
"""Every input field of a mutation that can refer to an object."""
PREDICATE = re.compile(r"(?<![\w.])(\w+\.)?user_id = \$1(?!\d)")


async def test_the_victim_owns_something_of_every_type(scene: Scene) -> None:
    missing = types_of_rows(SCHEMA) - set(scene.victim.ids)
    assert not missing, "; ".join(
        f"the test user owns no {kind}: create one in ROWS of {samples.file_of(kind)}, or add a create mutation"
        for kind in missing
    )


async def test_the_victim_can_be_told_by_every_text(scene: Scene) -> None:
    """Otherwise a leak of the text would go unnoticed."""
    unmarked = [
        f"{table}.{column}"
        for table, rows in (await rows_of(scene.superuser, scene.victim.user_id)).items()
        for column in {column for row in rows for column, content in row.items() if isinstance(content, str)}
        if table not in ("export_parts", "sealed_secrets")  # whose texts are bytes
        if column in ("title", "content", "parameters", "summary", "reason", "purpose", "description", "text")
        and not any(scene.victim.canary in text for row in rows for text in texts_in(row.get(column)))
    ]
    assert unmarked == [], "no row has the canary in these columns: set them in ROWS of tests/<domain>/sample.py"


# --- queries


def arguments(field: GraphQLField, id: str, ids: list[str], word: str) -> str:
    """Arguments for a root field, as GraphQL text: ids of the victim, or the word that is in their texts."""
    values: dict[str, Any] = {}
    for name, argument in field.args.items():
        of = get_named_type(argument.type).name
        chosen = {"ID": id, "String": word}.get(of, value(name, argument) if is_non_null_type(argument.type) else None)
        values[name] = ids if name == "ids" else chosen
    return ", ".join(f"{name}: {json.dumps(content)}" for name, content in values.items() if content is not None)


def readings(name: str, victim: Estate) -> Iterator[str]:
    """Operations that select a root field with each id of the victim."""
    field = QUERIES[name]
    every = [id for ids in victim.ids.values() for id in ids]
    takes_one = any(get_named_type(argument.type).name == "ID" and key != "ids" for key, argument in field.args.items())
    for id in every if takes_one else every[:1]:
        text = arguments(field, id, every[:100], victim.canary)
        yield f"{{ {name}{field_selection(field, depth=2, arguments=text)} }}"


WORDLESS = ("node", "nodes", "job")
"""Fields whose selection has no text that a client writes."""

OF_NOBODY = types_of_reference()
ROOT_FIELDS = [
    name
    for name, field in QUERIES.items()
    if field.args and name != "changes" and get_named_type(field.type).name not in OF_NOBODY
]
"""Those that take ids or words of the victim."""
SHARED = [
    name
    for name, field in QUERIES.items()
    if get_named_type(field.type).name in OF_NOBODY
    and all(is_leaf_type(get_named_type(each.type)) for each in field.args.values() if is_required_argument(each))
]
"""The fields that show reference data."""


@pytest.mark.parametrize("name", ROOT_FIELDS)
async def test_a_stranger_reads_nothing_by_any_field(scene: Scene, name: str) -> None:
    async with scene.nothing_happens():
        for operation in readings(name, scene.victim):
            answer = await scene.stranger.client.run(operation)
            scene.check_silent(answer)
            assert codes(answer) in ([], ["NOT_FOUND"]), answer
            found = answer["data"][name]
            if isinstance(level_resolver_of(QUERIES[name]), RootLink):
                # It lists what the caller has.
                assert {node["id"] for node in found["nodes"]} <= await scene.ids_of_the_stranger()
                continue
            if not {"id", "nodes"} & set(fields_of(QUERIES[name].type)):  # calculated from what the caller has
                await scene.check_names_nothing(answer)
                continue
            # The victim's ids must find nothing; a search may return an empty page.
            assert found is None or set(found) == {None} or found["nodes"] == [], answer


@pytest.mark.parametrize("name", ROOT_FIELDS)
async def test_the_victim_reads_it_all_by_the_same_field(scene: Scene, name: str) -> None:
    answers = [await scene.victim.client.run(operation) for operation in readings(name, scene.victim)]
    assert name in WORDLESS or any(scene.victim.canary in json.dumps(answer) for answer in answers)
    assert any(answer["data"][name] for answer in answers)


async def test_a_stranger_reads_only_their_own_changes(scene: Scene) -> None:
    operation = f"{{ changes{field_selection(QUERIES['changes'], depth=2, arguments='first: 1000')} }}"
    found = await scene.stranger.client.run(operation)
    scene.check_silent(found)
    theirs = await scene.ids_of_the_stranger()
    assert {change["id"] for change in found["data"]["changes"]["nodes"]} <= theirs
    assert {change["node"]["id"] for change in found["data"]["changes"]["nodes"]} <= theirs
    assert codes(await scene.serving.anonymous().run(operation)) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("name", ROOT_FIELDS)
async def test_who_is_nobody_reads_nothing_by_any_field(scene: Scene, name: str) -> None:
    for operation in readings(name, scene.victim):
        answer = await scene.serving.anonymous().run(operation)
        scene.check_silent(answer)
        assert codes(answer) == ["UNAUTHENTICATED"]
        assert answer.get("data") in (None, {name: None})


@pytest.mark.parametrize("name", SHARED)
async def test_reference_data_is_the_same_for_everyone_but_who_is_nobody(scene: Scene, name: str) -> None:
    for operation in readings(name, scene.victim):
        answer = await scene.stranger.client.run(operation)
        scene.check_silent(answer)
        assert answer == await scene.victim.client.run(operation)
        assert codes(await scene.serving.anonymous().run(operation)) == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("name", USER)
async def test_a_stranger_sees_only_their_own_below_the_viewer(scene: Scene, name: str) -> None:
    operation = f"{{ viewer {{ id {name}{field_selection(USER[name], depth=2)} }} }}"
    answer = await scene.stranger.client.run(operation)
    scene.check_silent(answer)
    assert answer["data"]["viewer"]["id"] == scene.stranger.user_id
    await scene.check_names_nothing(answer)
    assert (await scene.serving.anonymous().run(operation)) == {"data": {"viewer": None}}


@pytest.mark.parametrize("name", LISTS)
async def test_the_victim_sees_their_own_there(scene: Scene, name: str) -> None:
    operation = f"{{ viewer {{ {name}{field_selection(USER[name], depth=2)} }} }}"
    found = (await scene.victim.client.data(operation))["viewer"]
    assert found[name]["totalCount"] > 0
    assert set(texts_in(found)) & set(scene.victim.ids[get_named_type(fields_of(USER[name].type)["nodes"].type).name])


@pytest.mark.parametrize("name", LISTS)
async def test_a_victims_cursor_leads_a_stranger_to_their_own(scene: Scene, name: str) -> None:
    edges = f"{{ viewer {{ {name}(first: 200) {{ edges {{ cursor }} }} }} }}"
    cursors = [edge["cursor"] for edge in (await scene.victim.client.data(edges))["viewer"][name]["edges"]]
    theirs = await scene.ids_of_the_stranger()
    for cursor in (cursors[0], cursors[-1]):
        for way in ("first: 200, after", "last: 200, before"):
            operation = f'{{ viewer {{ {name}({way}: "{cursor}") {{ totalCount nodes {{ id }} }} }} }}'
            answer = await scene.stranger.client.run(operation)
            scene.check_silent(answer)
            assert {node["id"] for node in answer["data"]["viewer"][name]["nodes"]} <= theirs


@pytest.mark.parametrize(("name", "key"), FILTERS)
async def test_a_filter_that_fits_the_victim_finds_a_stranger_nothing_of_theirs(
    scene: Scene, name: str, key: str
) -> None:
    of = USER[name].args["filter"].type
    field, word = fields_of(of)[key], scene.victim.canary
    is_text = get_named_type(field.type).name == "String"
    content = value(key, field) if not is_text else [word] if "[" in str(field.type) else word
    operation = f"query($filter: {of}) {{ viewer {{ {name}(filter: $filter) {{ totalCount nodes {{ id }} }} }} }}"
    answer = await scene.stranger.client.run(operation, filter={key: content})
    scene.check_silent(answer)
    found = answer["data"]["viewer"][name]
    assert {node["id"] for node in found["nodes"]} <= set(
        ids_in(await rows_of(scene.superuser, scene.stranger.user_id))
    )
    assert found["totalCount"] == len(found["nodes"])
    if is_text:
        assert found["totalCount"] == 0
        fitting = (await scene.victim.client.data(operation, filter={key: content}))["viewer"][name]
        assert fitting["totalCount"] > 0


# --- mutations


def as_the_victim(mutation: Mutation, victim: Estate) -> dict[str, Any]:
    """An input that refers to the victim's objects wherever it refers to any."""
    known = {"email": victim.email, "refreshToken": forged_token(victim.user_id, victim.ids["Session"][0])}
    overrides = {name: content for name, content in known.items() if name in mutation.inputs}
    return mutation.values(own(victim, mutation.name), overrides)


async def versions(scene: Scene, mutation: Mutation) -> list[dict[str, int]]:
    """The choices of `expectedVersion`: none, the current one, and one that never existed."""
    if "expectedVersion" not in mutation.inputs:
        return [{}]
    id = own(scene.victim, mutation.name)(mutation.ids["id"])
    found = await scene.victim.client.data("query($id: ID!) { node(id: $id) { version } }", id=id)
    return [{}, {"expectedVersion": found["node"]["version"]}, {"expectedVersion": 0}]


def check_refused(mutation: Mutation, answer: dict[str, Any], fields: list[list[str] | None]) -> None:
    """Check that the payload holds no object and has one user error, at one of these fields.

    A mutation that joins objects has an error for each of them that is missing.
    """
    assert "errors" not in answer, answer
    payload = answer["data"][mutation.name]
    assert {name for name, content in payload.items() if content} == {"__typename", "userErrors"}, answer
    found = [error["field"] in fields for error in payload["userErrors"]]
    assert found == [True] or (mutation.joins and found and all(found)), answer
    if mutation.ids:
        assert payload["userErrors"][0]["code"] in ("NOT_FOUND", "INVALID"), answer


@pytest.mark.parametrize("mutation", [m for m in MUTATIONS if m.ids or m.signs_in], ids=str)
async def test_a_stranger_changes_nothing_of_the_victim(scene: Scene, mutation: Mutation) -> None:
    fields: list[list[str] | None] = [mutation.place(name) for name in mutation.ids] or [
        None,
        ["email"],
        ["refreshToken"],
    ]
    async with scene.nothing_happens(tries_password="password" in mutation.inputs):
        for version in await versions(scene, mutation):
            values = as_the_victim(mutation, scene.victim) | version
            answer = await scene.stranger.client.run(mutation.operation, input=values)
            scene.check_silent(answer)
            check_refused(mutation, answer, fields)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
async def test_who_is_nobody_changes_nothing(scene: Scene, mutation: Mutation) -> None:
    if mutation.takes_credentials:
        # A success clears the failures of other tests, after which every attempt would have to wait.
        await scene.serving.anonymous().mutate("signIn", "user { id }", email=scene.victim.email, password=PASSWORD)
    async with scene.nothing_happens(tries_password="password" in mutation.inputs):
        values = as_the_victim(mutation, scene.victim)
        answer = await scene.serving.anonymous().run(mutation.operation, input=values)
        scene.check_silent(answer)
        if mutation.signs_in:
            check_refused(mutation, answer, [None, ["email"], ["refreshToken"]])
        else:
            assert (answer["data"], codes(answer)) in ((None, ["UNAUTHENTICATED"]),), answer


@pytest.mark.parametrize("mutation", [m for m in MUTATIONS if m.takes_new_id], ids=str)
async def test_an_id_of_the_victim_is_free_for_an_object_of_ones_own(scene: Scene, mutation: Mutation) -> None:
    """A refusal would reveal that the id exists, and two users may choose the same id independently."""
    taken = scene.victim.ids[mutation.kind][0]
    mine = await make_estate(scene.serving, scene.superuser)
    async with scene.nothing_happens():
        values = mutation.values(own(mine, mutation.name), {"id": taken})
        answer = await mine.client.run(mutation.operation, input=values)
        scene.check_silent(answer)
        assert answer["data"][mutation.name][mutation.object]["id"] == taken
        again = await mine.client.run(f'{{ node(id: "{taken}") {{ id }} }}')
        assert again == {"data": {"node": {"id": taken}}}


@pytest.mark.parametrize(("mutation", "field"), NAMING, ids=lambda each: str(each))
async def test_a_strangers_own_object_cannot_point_to_the_victims(scene: Scene, mutation: Mutation, field: str) -> None:
    mine, theirs = own(scene.stranger, mutation.name), own(scene.victim, mutation.name)
    values = mutation.values(mine)
    foreign = theirs(mutation.ids[field])
    values[field] = [foreign] if isinstance(values.get(field), list) else foreign
    async with unchanged(scene.superuser, scene.victim.user_id, scene.stranger.user_id):
        answer = await scene.stranger.client.run(mutation.operation, input=values)
        scene.check_silent(answer)
        check_refused(mutation, answer, [mutation.place(field)])


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
async def test_the_same_input_is_good_for_the_owner(scene: Scene, mutation: Mutation) -> None:
    """Otherwise the refusals above would prove nothing."""
    owner = await make_estate(scene.serving, scene.superuser)
    values = mutation.values(own(owner, mutation.name)) | await owner.begin(mutation) | owner.credentials(mutation)
    if "refreshToken" in values:
        values["refreshToken"] = owner.client.refresh_token
    answer = await owner.client.run(mutation.operation, input=values)
    assert "errors" not in answer, answer
    payload = answer["data"][mutation.name]
    assert payload["userErrors"] == []
    assert not mutation.object or payload[mutation.object] is not None


async def test_a_sign_in_that_fails_leaves_nobody_signed_in(scene: Scene) -> None:
    """The operation may contain further mutations, which must not run as the user that the first one claimed to be."""
    conversation = scene.victim.ids["Conversation"][0]
    operation = """
        mutation($token: String!, $id: ID!) {
            refreshSession(input: {refreshToken: $token}) { userErrors { code } }
            updateConversation(input: {id: $id, title: "stolen"}) { conversation { title metadata } }
        }
    """
    tokens = [forged_token(scene.victim.user_id, session) for session in (scene.victim.ids["Session"][0], conversation)]
    tokens.append(await token_of_an_ended_session(scene))
    async with scene.nothing_happens():
        for token in tokens:
            for client in (scene.serving.anonymous(), scene.stranger.client):
                answer = await client.run(operation, token=token, id=conversation)
                scene.check_silent(answer)
                expected = (["UNAUTHENTICATED"], None) if client.token is None else ([], {"conversation": None})
                found = (answer["data"] or {}).get("updateConversation")
                assert (codes(answer), found) == expected, answer


async def token_of_an_ended_session(scene: Scene) -> str:
    """A refresh token of a session of the victim that has ended."""
    device = scene.serving.anonymous()
    values = {"email": scene.victim.email, "password": PASSWORD}
    payload = await device.mutate("signIn", "accessToken refreshToken", **values)
    device.token = payload["accessToken"]
    await device.make("signOut", "session")
    return str(payload["refreshToken"])


# --- row-level security as the second check


@contextmanager
def without_predicates(rewritten: list[str]) -> Iterator[None]:
    """Remove the caller's predicate from every statement that the gateway sends, as if it had been forgotten."""
    connections: Any = StampedConnection
    names = ("fetch", "fetchrow")
    methods = [getattr(connections, name) for name in names]

    def forgetful(send: Any) -> Any:
        async def sent(connection: StampedConnection, text: str, *arguments: Any, **options: Any) -> Any:
            changed = PREDICATE.sub("$1::uuid IS NOT NULL", text)
            if changed != text:
                rewritten.append(changed)
            return await send(connection, changed, *arguments, **options)

        return sent

    for name, method in zip(names, methods, strict=True):
        setattr(connections, name, forgetful(method))
    try:
        yield
    finally:
        for name, method in zip(names, methods, strict=True):
            setattr(connections, name, method)


async def test_the_database_holds_the_line_when_the_statements_forget_to(scene: Scene) -> None:
    stranger = await make_estate(scene.serving, scene.superuser)
    rewritten: list[str] = []
    with without_predicates(rewritten):
        async with scene.nothing_happens():
            for name in ROOT_FIELDS:
                for operation in readings(name, scene.victim):
                    scene.check_silent(await stranger.client.run(operation))
            for name in USER:
                operation = f"{{ viewer {{ {name}{field_selection(USER[name], depth=2)} }} }}"
                scene.check_silent(await stranger.client.run(operation))
            for mutation in (m for m in MUTATIONS if m.ids):
                answer = await stranger.client.run(mutation.operation, input=as_the_victim(mutation, scene.victim))
                scene.check_silent(answer)
                check_refused(mutation, answer, [mutation.place(name) for name in mutation.ids])
    verbs = {word for text in rewritten for word in re.findall(r"^(SELECT|UPDATE)\b", text, re.MULTILINE)}
    assert verbs == {"SELECT", "UPDATE"}
    assert len(set(rewritten)) > 20
