"""Nobody sees or changes another's rows through the API: every field of the schema is tried as a stranger.

What is tried is made from the schema. A type that is new must be made in `tests/estate.py`; a field that is new is tried
here without being named. The stranger knows every id and every cursor of the victim, and no secret.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from graphql import GraphQLField, GraphQLObjectType, get_named_type, is_non_null_type

from gateway.data.pool import StampedConnection
from gateway.schema.build import graphql_schema
from tests.estate import Estate, furnish, make_estate, take_stock, types_of_rows
from tests.generated import Mutation, asked, forged, mutations, own, value
from tests.rows import ids_in, rows_of, texts_in, unchanged
from tests.serving import Client, Ended, Serving, first

SCHEMA = graphql_schema()
QUERIES = SCHEMA.type_map["Query"]
USER = SCHEMA.type_map["User"]
assert isinstance(QUERIES, GraphQLObjectType)
assert isinstance(USER, GraphQLObjectType)
assert SCHEMA.subscription_type is not None

MUTATIONS = mutations(SCHEMA)
NAMING = [(mutation, field) for mutation in MUTATIONS for field in mutation.ids]
"""Every place in a mutation's input where an object can be named."""
LISTS = [name for name, field in USER.fields.items() if "nodes" in getattr(get_named_type(field.type), "fields", ())]
"""What hangs off a user as pages."""
PREDICATE = re.compile(r"(?<![\w.])(\w+\.)?user_id = \$1(?!\d)")


@dataclass(slots=True)
class Scene:
    """A victim, and somebody else who owns as much."""

    victim: Estate
    stranger: Estate
    serving: Serving
    superuser: asyncpg.Connection

    @asynccontextmanager
    async def nothing_happens(self) -> AsyncIterator[None]:
        """The block must leave each row of the victim as it is."""
        async with unchanged(self.superuser, self.victim.user_id):
            yield

    def check_silent(self, answer: dict[str, Any]) -> None:
        """The answer must hold nothing that the victim wrote, and be no failure of ours."""
        assert self.victim.canary not in json.dumps(answer), answer
        assert "INTERNAL" not in codes(answer), answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(serving: Serving, superuser: asyncpg.Connection) -> Scene:
    """The victim and the stranger of this module."""
    return Scene(await make_estate(serving, superuser), await make_estate(serving, superuser), serving, superuser)


def codes(answer: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


def test_the_victim_owns_something_of_every_type(scene: Scene) -> None:
    missing = types_of_rows(SCHEMA) - set(scene.victim.ids)
    assert not missing, f"make at least one {', '.join(sorted(missing))} in furnish(), in tests/estate.py"


async def test_the_victim_can_be_told_by_every_text(scene: Scene) -> None:
    """Else a leak of the text could not be noticed."""
    mute = [
        f"{table}.{column}"
        for table, rows in (await rows_of(scene.superuser, scene.victim.user_id)).items()
        for column in {column for row in rows for column, content in row.items() if isinstance(content, str)}
        if column in ("title", "content", "parameters", "summary", "reason", "purpose", "description", "text")
        and not any(scene.victim.canary in text for row in rows for text in texts_in(row.get(column)))
    ]
    assert mute == [], "put estate.canary into these in tests/estate.py"


# --- queries


def arguments(field: GraphQLField, id: str, ids: list[str], word: str) -> str:
    """Arguments for a root field, as they are written: an id of the victim, or a word of theirs."""
    given: dict[str, Any] = {}
    for name, argument in field.args.items():
        of = get_named_type(argument.type).name
        chosen = {"ID": id, "String": word}.get(of, value(name, argument) if is_non_null_type(argument.type) else None)
        given[name] = ids if name == "ids" else chosen
    return ", ".join(f"{name}: {json.dumps(content)}" for name, content in given.items() if content is not None)


def readings(name: str, victim: Estate) -> Iterator[str]:
    """A root field with each id of the victim."""
    field = QUERIES.fields[name]
    every = [id for ids in victim.ids.values() for id in ids]
    takes_one = any(get_named_type(argument.type).name == "ID" and key != "ids" for key, argument in field.args.items())
    for id in every if takes_one else every[:1]:
        given = arguments(field, id, every[:100], victim.canary)
        yield f"{{ {name}{asked(field, depth=2, arguments=given)} }}"


ROOT_FIELDS = [name for name, field in QUERIES.fields.items() if field.args]


@pytest.mark.parametrize("name", ROOT_FIELDS)
async def test_a_stranger_reads_nothing_by_any_field(scene: Scene, name: str) -> None:
    async with scene.nothing_happens():
        for operation in readings(name, scene.victim):
            answer = await scene.stranger.client.run(operation)
            scene.check_silent(answer)
            assert "errors" not in answer, answer
            # Of a victim's ids there is nothing at all; a search may answer with an empty page.
            found = answer["data"][name]
            assert found is None or set(found) == {None} or "nodes" in found, answer
            assert not (isinstance(found, dict) and found["nodes"]), answer


@pytest.mark.parametrize("name", ROOT_FIELDS)
async def test_the_victim_reads_it_all_by_the_same_field(scene: Scene, name: str) -> None:
    answers = [await scene.victim.client.run(operation) for operation in readings(name, scene.victim)]
    assert any(scene.victim.canary in json.dumps(answer) or name.startswith("node") for answer in answers)
    assert any(answer["data"][name] for answer in answers)


@pytest.mark.parametrize("name", ROOT_FIELDS)
async def test_who_is_nobody_reads_nothing_by_any_field(scene: Scene, name: str) -> None:
    for operation in readings(name, scene.victim):
        answer = await scene.serving.anonymous().run(operation)
        scene.check_silent(answer)
        assert codes(answer) == ["UNAUTHENTICATED"]
        assert answer.get("data") in (None, {name: None})


@pytest.mark.parametrize("name", USER.fields)
async def test_a_stranger_sees_only_their_own_below_the_viewer(scene: Scene, name: str) -> None:
    operation = f"{{ viewer {{ id {name}{asked(USER.fields[name], depth=2)} }} }}"
    answer = await scene.stranger.client.run(operation)
    scene.check_silent(answer)
    assert answer["data"]["viewer"]["id"] == scene.stranger.user_id
    assert not set(texts_in(answer)) & set(ids_in(await rows_of(scene.superuser, scene.victim.user_id)))
    assert (await scene.serving.anonymous().run(operation)) == {"data": {"viewer": None}}


@pytest.mark.parametrize("name", LISTS)
async def test_the_victim_sees_their_own_there(scene: Scene, name: str) -> None:
    found = (await scene.victim.client.data(f"{{ viewer {{ {name}{asked(USER.fields[name], depth=2)} }} }}"))["viewer"]
    assert found[name]["totalCount"] > 0
    assert set(texts_in(found)) & set(scene.victim.ids[get_named_type(nodes_of(name)).name])


def nodes_of(name: str) -> Any:
    return get_named_type(USER.fields[name].type).fields["nodes"].type


@pytest.mark.parametrize("name", LISTS)
async def test_a_victims_cursor_leads_a_stranger_to_their_own(scene: Scene, name: str) -> None:
    edges = f"{{ viewer {{ {name}(first: 200) {{ edges {{ cursor }} }} }} }}"
    cursors = [edge["cursor"] for edge in (await scene.victim.client.data(edges))["viewer"][name]["edges"]]
    theirs = set(ids_in(await rows_of(scene.superuser, scene.stranger.user_id)))
    for cursor in (cursors[0], cursors[-1]):
        for way in ("first: 200, after", "last: 200, before"):
            operation = f'{{ viewer {{ {name}({way}: "{cursor}") {{ totalCount nodes {{ id }} }} }} }}'
            answer = await scene.stranger.client.run(operation)
            scene.check_silent(answer)
            assert {node["id"] for node in answer["data"]["viewer"][name]["nodes"]} <= theirs


FILTERS = [
    (name, key)
    for name in LISTS
    if "filter" in USER.fields[name].args
    for key in getattr(get_named_type(USER.fields[name].args["filter"].type), "fields")  # noqa: B009 - an input's
]


@pytest.mark.parametrize(("name", "key"), FILTERS)
async def test_a_filter_that_fits_the_victim_finds_a_stranger_nothing_of_theirs(
    scene: Scene, name: str, key: str
) -> None:
    of: Any = get_named_type(USER.fields[name].args["filter"].type)
    named = get_named_type(of.fields[key].type).name
    fitting = {"String": scene.victim.canary, "ID": next(iter(scene.victim.ids["Conversation"]))}
    content = fitting.get(named) or value(key, of.fields[key])
    operation = f"query($filter: {of.name}) {{ viewer {{ {name}(filter: $filter) {{ totalCount nodes {{ id }} }} }} }}"
    answer = await scene.stranger.client.run(operation, filter={key: content})
    scene.check_silent(answer)
    theirs = set(ids_in(await rows_of(scene.superuser, scene.stranger.user_id)))
    found = answer["data"]["viewer"][name]
    assert {node["id"] for node in found["nodes"]} <= theirs
    assert found["totalCount"] == len(found["nodes"])
    if named in fitting and key != "apiKeyId":
        assert found["totalCount"] == 0


# --- mutations


def as_the_victim(mutation: Mutation, victim: Estate, **given: Any) -> dict[str, Any]:
    """An input that names the victim wherever it names anything."""
    known = {"email": victim.email, "refreshToken": forged(victim.user_id, victim.ids["Session"][0])}
    hints = {name: content for name, content in known.items() if name in mutation.inputs}
    return mutation.values(own(victim, mutation.name), **hints, **given)


async def versions(scene: Scene, mutation: Mutation) -> list[dict[str, int]]:
    """Without an expected version, with the right one, and with one that never was."""
    if "expectedVersion" not in mutation.inputs:
        return [{}]
    id = own(scene.victim, mutation.name)(mutation.ids["id"])
    found = await scene.victim.client.data("query($id: ID!) { node(id: $id) { version } }", id=id)
    return [{}, {"expectedVersion": found["node"]["version"]}, {"expectedVersion": 0}]


def check_refused(mutation: Mutation, answer: dict[str, Any], fields: list[list[str] | None]) -> None:
    """The answer must hold no object, and say at which of these fields it went wrong."""
    assert "errors" not in answer, answer
    payload = answer["data"][mutation.name]
    assert {name for name, content in payload.items() if content} == {"__typename", "userErrors"}, answer
    assert [error["field"] in fields for error in payload["userErrors"]] == [True], answer
    if mutation.ids:
        assert payload["userErrors"][0]["code"] in ("NOT_FOUND", "INVALID"), answer


@pytest.mark.parametrize("mutation", [m for m in MUTATIONS if m.ids or m.signs_in], ids=str)
async def test_a_stranger_changes_nothing_of_the_victim(scene: Scene, mutation: Mutation) -> None:
    fields: list[list[str] | None] = [[name] for name in mutation.ids] or [None, ["email"], ["refreshToken"]]
    async with scene.nothing_happens():
        for version in await versions(scene, mutation):
            given = as_the_victim(mutation, scene.victim, **version)
            answer = await scene.stranger.client.run(mutation.operation, input=given)
            scene.check_silent(answer)
            check_refused(mutation, answer, fields)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
async def test_who_is_nobody_changes_nothing(scene: Scene, mutation: Mutation) -> None:
    async with scene.nothing_happens():
        given = as_the_victim(mutation, scene.victim)
        answer = await scene.serving.anonymous().run(mutation.operation, input=given)
        scene.check_silent(answer)
        if mutation.signs_in:
            check_refused(mutation, answer, [None, ["email"], ["refreshToken"]])
        else:
            assert (answer["data"], codes(answer)) in ((None, ["UNAUTHENTICATED"]),), answer


@pytest.mark.parametrize("mutation", [m for m in MUTATIONS if m.makes and "id" in m.inputs], ids=str)
async def test_an_id_of_the_victim_is_free_for_an_object_of_ones_own(scene: Scene, mutation: Mutation) -> None:
    """A refusal would say that the id is taken, and a stranger may have made the same id by themselves."""
    kind = get_named_type(mutation.payload.fields[mutation.object].type).name
    taken = scene.victim.ids[kind][0]
    mine = await make_estate(scene.serving, scene.superuser)
    async with scene.nothing_happens():
        given = mutation.values(own(mine, mutation.name), id=taken)
        answer = await mine.client.run(mutation.operation, input=given)
        scene.check_silent(answer)
        assert answer["data"][mutation.name][mutation.object]["id"] == taken
        again = await mine.client.run(f'{{ node(id: "{taken}") {{ id }} }}')
        assert again == {"data": {"node": {"id": taken}}}


@pytest.mark.parametrize(("mutation", "field"), NAMING, ids=lambda each: str(each))
async def test_a_strangers_own_object_cannot_point_to_the_victims(
    scene: Scene, mutation: Mutation, field: str
) -> None:
    mine, theirs = own(scene.stranger, mutation.name), own(scene.victim, mutation.name)
    given = mutation.values(mine)
    foreign = theirs(mutation.ids[field])
    given[field] = [foreign] if isinstance(given[field], list) else foreign
    async with unchanged(scene.superuser, scene.victim.user_id, scene.stranger.user_id):
        answer = await scene.stranger.client.run(mutation.operation, input=given)
        scene.check_silent(answer)
        check_refused(mutation, answer, [[field]])


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
async def test_the_same_input_is_good_for_the_owner(scene: Scene, mutation: Mutation) -> None:
    """Else the refusals above would prove nothing."""
    owner = await make_estate(scene.serving, scene.superuser)
    given = mutation.values(own(owner, mutation.name))
    if "refreshToken" in given:
        given["refreshToken"] = owner.client.refresh_token
    answer = await owner.client.run(mutation.operation, input=given)
    assert "errors" not in answer, answer
    payload = answer["data"][mutation.name]
    assert payload["userErrors"] == []
    assert payload[mutation.object] is not None


async def test_a_sign_in_that_fails_leaves_nobody_signed_in(scene: Scene) -> None:
    """Its operation may go on with other mutations, which must not run as the user that was claimed."""
    conversation = scene.victim.ids["Conversation"][0]
    operation = """
        mutation($token: String!, $id: ID!) {
            refreshSession(input: {refreshToken: $token}) { userErrors { code } }
            updateConversation(input: {id: $id, title: "stolen"}) { conversation { title metadata } }
        }
    """
    async with scene.nothing_happens():
        for session in (scene.victim.ids["Session"][0], conversation):
            token = forged(scene.victim.user_id, session)
            for client in (scene.serving.anonymous(), scene.stranger.client):
                answer = await client.run(operation, token=token, id=conversation)
                scene.check_silent(answer)
                expected = (["UNAUTHENTICATED"], None) if client.token is None else ([], {"conversation": None})
                found = (answer["data"] or {}).get("updateConversation")
                assert (codes(answer), found) == expected, answer


# --- subscriptions


SUBSCRIPTIONS = SCHEMA.subscription_type.fields
NARROWED = [
    (name, argument)
    for name, field in SUBSCRIPTIONS.items()
    for argument, of in field.args.items()
    if get_named_type(of.type).name == "ID"
]


def subscription(name: str, **given: str | None) -> str:
    """A subscription with these arguments, and everything that it can answer."""
    text = ", ".join(f"{key}: {json.dumps(content)}" for key, content in given.items() if content is not None)
    return f"subscription {{ {name}{asked(SUBSCRIPTIONS[name], depth=2, arguments=text)} }}"


@pytest.mark.parametrize("after", [None, "1.0"])
@pytest.mark.parametrize(("name", "argument"), NARROWED)
async def test_a_stranger_cannot_watch_what_is_the_victims(
    scene: Scene, name: str, argument: str, after: str | None
) -> None:
    kind = argument.removesuffix("Id")
    id = scene.victim.ids[kind[0].upper() + kind[1:]][0]
    operation = subscription(name, **{argument: id, "after": after})
    for client, code in ((scene.stranger.client, "NOT_FOUND"), (scene.serving.anonymous(), "UNAUTHENTICATED")):
        async with client.socket() as socket:
            with pytest.raises(Ended) as ended:
                await first(await socket.subscribe(operation), 1)
        (error,) = ended.value.args[0]
        assert error["extensions"]["code"] == code
        assert scene.victim.canary not in json.dumps(error)


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_who_is_nobody_cannot_watch(scene: Scene, name: str) -> None:
    for after in (None, "1.0"):
        async with scene.serving.anonymous().socket() as socket:
            with pytest.raises(Ended) as ended:
                await first(await socket.subscribe(subscription(name, after=after)), 1)
        assert [error["extensions"]["code"] for error in ended.value.args[0]] == ["UNAUTHENTICATED"]


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_a_stranger_watches_their_own_from_the_beginning(scene: Scene, name: str) -> None:
    """The cursor is one that the victim's feed has as well, and further on."""
    for event in await watched(scene.stranger.client, subscription(name, after="1.0"), 2):
        check_own(scene, event, await everything_of(scene))


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_a_stranger_watches_their_own_from_now_on(scene: Scene, name: str) -> None:
    """While both write."""
    estates = [await make_estate(scene.serving, scene.superuser) for _ in range(2)]
    both = Scene(estates[0], estates[1], scene.serving, scene.superuser)

    async def write() -> None:
        while True:
            await furnish(both.victim)
            await furnish(both.stranger)

    writing = asyncio.create_task(write())
    try:
        events = await watched(both.stranger.client, subscription(name), 2)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    for event in events:
        check_own(both, event, await everything_of(both))


async def watched(client: Client, operation: str, count: int) -> list[dict[str, Any]]:
    async with client.socket() as socket:
        return await first(await socket.subscribe(operation), count)


async def everything_of(scene: Scene) -> set[str]:
    return set(ids_in(await rows_of(scene.superuser, scene.stranger.user_id)))


def check_own(scene: Scene, event: dict[str, Any], theirs: set[str]) -> None:
    assert scene.victim.canary not in json.dumps(event)
    assert scene.stranger.canary in json.dumps(event)
    ids = {content["id"] for content in next(iter(event.values())).values() if isinstance(content, dict)}
    assert ids
    assert ids <= theirs


# --- the second fence


@contextmanager
def without_predicates(rewritten: list[str]) -> Iterator[None]:
    """Let the gateway send its statements without the test for the caller, as if each had been forgotten."""
    kept = StampedConnection.fetch, StampedConnection.fetchrow

    def forgetful(send: Any) -> Any:
        async def sent(connection: StampedConnection, text: str, *arguments: Any, **options: Any) -> Any:
            changed = PREDICATE.sub("$1::uuid IS NOT NULL", text)
            if changed != text:
                rewritten.append(changed)
            return await send(connection, changed, *arguments, **options)

        return sent

    StampedConnection.fetch, StampedConnection.fetchrow = map(forgetful, kept)
    try:
        yield
    finally:
        StampedConnection.fetch, StampedConnection.fetchrow = kept


async def test_the_database_holds_the_line_when_the_statements_forget_to(scene: Scene) -> None:
    stranger = await make_estate(scene.serving, scene.superuser)
    rewritten: list[str] = []
    with without_predicates(rewritten):
        async with scene.nothing_happens():
            for name in ROOT_FIELDS:
                for operation in readings(name, scene.victim):
                    scene.check_silent(await stranger.client.run(operation))
            for name in USER.fields:
                operation = f"{{ viewer {{ {name}{asked(USER.fields[name], depth=2)} }} }}"
                scene.check_silent(await stranger.client.run(operation))
            for mutation in (m for m in MUTATIONS if m.ids):
                answer = await stranger.client.run(mutation.operation, input=as_the_victim(mutation, scene.victim))
                scene.check_silent(answer)
                check_refused(mutation, answer, [[name] for name in mutation.ids])
    verbs = {text.split()[0] for text in rewritten}
    assert verbs == {"SELECT", "UPDATE", "INSERT"}
    assert len(set(rewritten)) > 20


async def test_nobodys_connection_carries_the_last_caller_over(scene: Scene) -> None:
    """Connections are shared, and keep the stamp of their last caller until the next one's first statement."""
    operation = "{ viewer { id conversations { nodes { title } } } }"
    callers = [scene.victim, scene.stranger] * 20

    async def ask(estate: Estate) -> None:
        found = (await estate.client.data(operation))["viewer"]
        assert found["id"] == estate.user_id
        assert estate.canary in {node["title"] for node in found["conversations"]["nodes"]}
        assert len({node["title"] for node in found["conversations"]["nodes"]} & {"", *titles}) == 1

    titles = {scene.victim.canary, scene.stranger.canary}
    await asyncio.gather(*(ask(estate) for estate in callers))
    await take_stock(scene.stranger, scene.superuser)
