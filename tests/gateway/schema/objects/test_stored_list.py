"""Lists that a jsonb column holds: shown with their types, taken from inputs, limited by a rule of the database."""

from __future__ import annotations

import uuid
from typing import Any

import asyncpg
import pytest

from tests.kit.database import Database
from tests.kit.serving import Client, Serving

MEETING = "id version reasons links attendees { name role answer personId cameAt words topics }"
PERSON = str(uuid.UUID(int=7))
ANN = {
    "name": "Ann",
    "role": "host",
    "answer": "YES",
    "personId": PERSON,
    "cameAt": "2026-01-31T11:00:00.000000Z",
    "words": 2**40,
    "topics": ["tea"],
}
BARE: dict[str, Any] = {
    "name": "Bob",
    "role": None,
    "answer": None,
    "personId": None,
    "cameAt": None,
    "words": None,
    "topics": [],
}


async def _meeting(client: Client, **values: Any) -> dict[str, Any]:
    return await client.make("createMeeting", "meeting", MEETING, **values)


async def test_what_is_put_in_is_shown_by_both_executors(any_writer: Client) -> None:
    values = {"reasons": ["tea", "ünïcödé"], "attendees": [ANN, {"name": "Bob"}]}
    made = await _meeting(any_writer, **values)
    assert made == {"id": made["id"], "version": made["version"], "links": None, **values, "attendees": [ANN, BARE]}
    short = f"query($id: ID!) {{ meeting(id: $id) {{ {MEETING} }} }}"
    assert (await any_writer.data(short, id=made["id"]))["meeting"] == made
    level_by_level = f"""query($id: ID!) {{
        node(id: $id) {{ ... on Meeting {{ {MEETING} some: attendees {{ __typename ...N }} }} }}
        twice: meeting(id: $id) {{ reasons attendees {{ name }} attendees {{ role }} }}
    }} fragment N on Attendee {{ called: name topics @skip(if: true) }}"""
    read = await any_writer.data(level_by_level, id=made["id"])
    assert read["node"] == {**made, "some": [{"__typename": "Attendee", "called": name} for name in ("Ann", "Bob")]}
    assert read["twice"]["attendees"] == [{"name": "Ann", "role": "host"}, {"name": "Bob", "role": None}]
    assert read["twice"]["reasons"] == values["reasons"]


async def test_literals_and_single_values_are_lists_too(any_writer: Client) -> None:
    operation = """mutation { createMeeting(input: {reasons: "tea", attendees: [{name: "Bob", topics: "x"}]}) {
        meeting { reasons attendees { name topics } } userErrors { message } } }"""
    assert (await any_writer.data(operation))["createMeeting"] == {
        "meeting": {"reasons": ["tea"], "attendees": [{"name": "Bob", "topics": ["x"]}]},
        "userErrors": [],
    }


async def test_an_omitted_list_stays_and_null_clears_or_resets_it(writer: Client) -> None:
    made = await _meeting(writer, reasons=["tea"], links=["x"], attendees=[ANN])
    changed = await writer.make("updateMeeting", "meeting", MEETING, id=made["id"], reasons=["cake", "tea"])
    assert changed == {**made, "reasons": ["cake", "tea"], "version": changed["version"]}
    emptied = await writer.make("updateMeeting", "meeting", MEETING, id=made["id"], links=None, attendees=None)
    assert emptied == {**changed, "links": None, "attendees": [], "version": emptied["version"]}


async def test_the_column_holds_members_by_the_names_of_attributes(writer: Client, noted_database: Database) -> None:
    made = await _meeting(writer, attendees=[{"name": "Ann", "personId": PERSON.upper(), "answer": "NO", "role": None}])
    owner = await asyncpg.connect(noted_database.owner_url, server_settings={"search_path": "parley"})
    try:
        kept = await owner.fetchval("SELECT attendees::text FROM meetings WHERE id = $1", made["id"])
    finally:
        await owner.close()
    assert kept == f'[{{"name": "Ann", "answer": "no", "person_id": "{PERSON}"}}]'


async def test_a_repeated_create_is_told_from_one_with_another_list(writer: Client) -> None:
    id = str(uuid.uuid4())
    made = await _meeting(writer, id=id, attendees=[ANN])
    again = {**ANN, "cameAt": "2026-01-31T12:00:00+01:00"}
    assert await _meeting(writer, id=id, attendees=[again]) == made
    payload = await writer.mutate("createMeeting", "meeting { id }", id=id, attendees=[{**ANN, "topics": ["cake"]}])
    assert [(error["code"], error["field"]) for error in payload["userErrors"]] == [("CONFLICT", ["id"])]


REASONS = "Reasons: at most 3, each of 1 to 10 characters."
ATTENDEES = "Attendees: at most 5, of at most 64 KiB in all; name up to 20 characters, role up to 10 characters."


@pytest.mark.parametrize("mutation", ["createMeeting", "updateMeeting"])
@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ({"reasons": ["x"] * 4}, [("reasons", REASONS)]),
        ({"reasons": ["x", "", "y" * 11]}, [("reasons.1", REASONS)]),
        ({"attendees": [{"name": "x"}] * 6}, [("attendees", ATTENDEES)]),
        ({"attendees": [{"name": "x"}, {"name": "y" * 21}]}, [("attendees.1.name", ATTENDEES)]),
        ({"attendees": [{"name": "x", "topics": ["y" * 70_000]}]}, [("attendees", ATTENDEES)]),
        (
            {"reasons": ["y" * 11], "attendees": [{"name": "x", "role": "y" * 11}]},
            [("attendees.0.role", ATTENDEES), ("reasons.0", REASONS)],
        ),
        (
            {"attendees": [{"name": "x"}, {"name": "x", "personId": "7"}], "reasons": ["x"] * 4},
            [("attendees.1.personId", "attendees.1.personId: '7' is not a UUID."), ("reasons", REASONS)],
        ),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_mistake_names_the_item_and_the_member(
    writer: Client, mutation: str, values: dict[str, Any], errors: list[tuple[str, str]]
) -> None:
    if mutation == "updateMeeting":
        values = {**values, "id": (await _meeting(writer))["id"]}
    payload = await writer.mutate(mutation, "meeting { id }", **values)
    assert payload["meeting"] is None
    got = [(".".join(error["field"]), error["message"]) for error in payload["userErrors"]]
    assert sorted(got) == sorted(errors)
    assert {error["code"] for error in payload["userErrors"]} == {"INVALID"}


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"reasons": [1]}, ".reasons[0]"),
        ({"reasons": ["x", None]}, ".reasons[1]"),
        ({"attendees": [{"role": "x"}]}, ".attendees[0]:"),
        ({"attendees": [{"name": "x", "answer": "MAYBE"}]}, ".attendees[0].answer"),
        ({"attendees": [{"name": "x", "age": 7}]}, ".attendees[0]:"),
    ],
    ids=str,
)
async def test_a_value_of_another_type_is_refused_at_its_place(
    writer: Client, values: dict[str, Any], where: str
) -> None:
    operation = "mutation($input: CreateMeetingInput!) { createMeeting(input: $input) { meeting { id } } }"
    (error,) = (await writer.run(operation, input=values))["errors"]
    assert error["extensions"]["code"] == "BAD_REQUEST"
    assert where in error["message"]


async def test_many_lists_are_read_in_one_statement(noted: Serving, writer: Client) -> None:
    ids = [(await _meeting(writer, attendees=[ANN] * (n % 5), reasons=["x"] * (n % 4)))["id"] for n in range(20)]
    operation = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Meeting { reasons attendees { name } } } }"
    expected = [{"reasons": ["x"] * (n % 4), "attendees": [{"name": "Ann"}] * (n % 5)} for n in range(20)]
    await writer.check(operation, ids=ids, expect={"nodes": expected}, statements=2)
