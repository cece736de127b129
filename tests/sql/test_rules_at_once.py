"""`rules_at_once` evaluates the rules of any table as the server would, whatever their texts hold."""

from __future__ import annotations

import itertools
from typing import Any

import asyncpg
import pytest_asyncio

from tests.kit.other_server import embedded_only

TABLE = """
CREATE TABLE {name} (
    kind text,
    text text NOT NULL DEFAULT 'text',
    "order" integer,
    lower text,
    data jsonb NOT NULL DEFAULT '{{}}',
    numeric numeric,
    CONSTRAINT {name}_kind_known CHECK (kind IN ('kind', 'text', 'NEW.kind', 'it''s kind')),
    CONSTRAINT {name}_text_cast CHECK (text = 'text'::text OR char_length(text) > 4),
    CONSTRAINT {name}_order_range CHECK ("order" BETWEEN 1 AND 3 OR kind = 'order'),
    CONSTRAINT {name}_lower_case CHECK (lower = lower(lower) AND lower <> 'lower'),
    CONSTRAINT {name}_data_kind CHECK (data ->> 'kind' IS NULL OR data ->> 'kind' = kind),
    CONSTRAINT {name}_numeric_cast CHECK (numeric::numeric(3, 1) < 10::numeric),
    CONSTRAINT {name}_text_like CHECK (text !~ E'\\\\mkind\\\\M' AND text NOT LIKE '%text kind%')
)
"""
"""Columns whose names are also strings, types, functions and reserved words in their rules."""

VALUES: dict[str, list[Any]] = {
    "kind": [None, "kind", "text", "NEW.kind", "it's kind", "other", "new.kind", "order"],
    "text": ["text", "kind", "longer", "a kind one", "the text kind"],
    "order": [None, 1, 4],
    "lower": [None, "lower", "low", "Low"],
    "data": ["{}", '{"kind": "kind"}'],
    "numeric": [None, 9, 10],
}


@pytest_asyncio.fixture(loop_scope="module")
async def owner(undone: asyncpg.Connection) -> asyncpg.Connection:
    await undone.execute(TABLE.format(name="checked") + ";" + TABLE.format(name="at_once"))
    await undone.execute("SELECT rules_at_once('at_once')")
    return undone


async def _refused_by(owner: asyncpg.Connection, table: str, row: dict[str, Any]) -> str | None:
    names, parameters = ", ".join(f'"{name}"' for name in row), ", ".join(f"${n + 1}" for n in range(len(row)))
    try:
        async with owner.transaction():
            await owner.execute(f"INSERT INTO {table} ({names}) VALUES ({parameters})", *row.values())  # noqa: S608
    except asyncpg.CheckViolationError as error:
        return str(error.constraint_name).removeprefix(str(error.table_name))
    return None


@embedded_only
async def test_every_row_is_refused_by_the_rule_that_the_server_refuses_it_by(owner: asyncpg.Connection) -> None:
    enforced = (
        "SELECT count(*) FROM pg_constraint WHERE conrelid = 'at_once'::regclass AND contype = 'c' AND conenforced"
    )
    assert await owner.fetchval(enforced) == 0
    found: dict[str | None, int] = {}
    for values in itertools.product(*VALUES.values()):
        row = dict(zip(VALUES, values, strict=True))
        by = await _refused_by(owner, "checked", row)
        assert await _refused_by(owner, "at_once", row) == by, row
        found[by] = found.get(by, 0) + 1
    assert len(found) == 8, found
