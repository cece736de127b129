"""The rule of a list: what it accepts, where it finds a mistake, and its wording."""

from __future__ import annotations

from typing import Any

import asyncpg
import orjson
import pytest

TEXTS = "SELECT text_list_mistake($1::jsonb, 2, 3)"
OBJECTS = """SELECT object_list_mistake($1::jsonb, 2, '{"name": 3, "role": 1}')"""


@pytest.mark.parametrize(
    ("text", "value", "path"),
    [
        (TEXTS, [], None),
        (TEXTS, ["a", "äöü"], None),
        (TEXTS, "a", []),
        (TEXTS, {}, []),
        (TEXTS, ["a", "b", "c"], []),
        (TEXTS, ["a", ""], ["1"]),
        (TEXTS, ["abcd"], ["0"]),
        (TEXTS, ["a", 1], ["1"]),
        (TEXTS, [None], ["0"]),
        (OBJECTS, [], None),
        (OBJECTS, [{"name": "abc"}, {"more": "x" * 60_000}], None),
        (OBJECTS, [{"name": None}], None),
        (OBJECTS, {"name": "a"}, []),
        (OBJECTS, [{}, {}, {}], []),
        (OBJECTS, [{"more": "x" * 70_000}], []),
        (OBJECTS, [{}, "a"], ["1"]),
        (OBJECTS, [{"name": "abcd"}], ["0", "name"]),
        (OBJECTS, [{}, {"role": "ab"}], ["1", "role"]),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_a_mistake_is_found_with_its_path(
    owner: asyncpg.Connection, text: str, value: Any, path: list[str] | None
) -> None:
    assert await owner.fetchval(text, orjson.dumps(value).decode()) == path


async def test_a_list_rule_has_words_and_binds_the_runtime_role(owner: asyncpg.Connection) -> None:
    await owner.execute("""
        CREATE TABLE lists (texts jsonb, some_objects jsonb, others jsonb);
        GRANT INSERT ON lists TO parley_runtime;
        SELECT add_list_rule('lists', 'texts', most => 2, length => 3);
        SELECT add_list_rule('lists', 'some_objects', most => 2, members => '{"first_name": 3, "role": 1}');
        SELECT add_list_rule('lists', 'others', most => 2, members => '{}', reason => 'At most two others.');
        SET LOCAL ROLE parley_runtime;
    """)
    words = (
        "SELECT conname, obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conrelid = 'lists'::regclass"
    )
    assert dict([tuple(row) for row in await owner.fetch(words)]) == {
        "lists_texts_list": "Texts: at most 2, each of 1 to 3 characters.",
        "lists_some_objects_list": "Some objects: at most 2, of at most 64 KiB in all; first name up to 3 characters, "
        "role up to 1 characters.",
        "lists_others_list": "At most two others.",
    }
    await owner.execute("""INSERT INTO lists VALUES ('["a"]', NULL, '[{}]')""")
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await owner.execute("""INSERT INTO lists VALUES ('["a", "b", "c"]')""")
    assert refused.value.constraint_name == "lists_texts_list"


async def test_a_list_rule_is_about_texts_or_about_objects(owner: asyncpg.Connection) -> None:
    await owner.execute("CREATE TABLE lists (texts jsonb)")
    with pytest.raises(asyncpg.RaiseError, match="takes either length, for texts, or members, for objects"):
        await owner.execute("SELECT add_list_rule('lists', 'texts', most => 2)")
