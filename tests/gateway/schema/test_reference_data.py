"""Reference data is declared as such, is in a reference table, and has an index for each list."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
import strawberry

from gateway import Node, entity, one, page, reference, root_page, standard
from gateway.data.setup.catalogue import Table, read_catalogue
from gateway.schema.agreement import disagreements
from gateway.schema.declaration import refuse_wrong
from gateway.schema.types.wrong_declaration import WrongDeclaration
from tests.kit.database import Database

TABLES = """
CREATE TABLE colours (id uuid PRIMARY KEY, name text NOT NULL, price numeric NOT NULL, colour_id uuid);
CREATE INDEX ON colours (name, id);
CREATE INDEX ON colours (price, id);
CREATE INDEX ON colours (colour_id, name, id);
SELECT reference_table('colours');
CREATE TABLE hues (id uuid PRIMARY KEY, name text NOT NULL, price numeric NOT NULL, colour_id uuid);
SELECT reference_table('hues');
CREATE TABLE strays (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    price numeric NOT NULL,
    colour_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE TABLE walls (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    name text NOT NULL,
    price numeric NOT NULL,
    colour_id uuid NOT NULL
);
SELECT tenant_table('walls', without => '{deleted_at}');
"""


def _colour(table: str = "colours", *bases: type, listed: str = "", without: str = "", **body: Any) -> Any:
    """A type of reference data; with a list at Query, if an order is given for it."""
    hints = {
        "id": strawberry.ID,
        "name": str,
        "price": decimal.Decimal,
        "colour_id": strawberry.Private[strawberry.ID],
    }
    hints.pop(without, None)
    cls: Any = reference(table, order="name")(
        type("Colour", bases, {**body, "__annotations__": hints, "__module__": __name__})
    )
    if listed:
        root_page(cls, order=listed)
    return cls


def _shades(table: str = "colours") -> Any:
    return _colour(table, shades=page("Colour", by="colour_id"))


def _wall(table: str = "walls", *bases: type, link: Any = None) -> Any:
    hints = {"colour_id": strawberry.Private[strawberry.ID], "created_at": datetime.datetime}
    body = {"__annotations__": hints, "__module__": __name__} | ({} if link is None else {"link": link})
    return entity(table)(type("Wall", bases or (Node,), body))


class NameInput:
    """What a client may set."""

    name: str
    """The name."""


def _written() -> list[Any]:
    cls = _colour()
    standard(cls, input=NameInput, without=("one", "create", "update", "changed"))
    return [cls]


WRONG: list[tuple[str, Callable[[], list[Any]], tuple[str, ...]]] = [
    ("a Node", lambda: [_colour("colours", Node)], ("belongs to nobody, but a Node does", "class Colour:")),
    ("without an id", lambda: [_colour(without="id")], ("Colour has no id", "id: strawberry.ID")),
    ("written by clients", _written, ("which no client writes", "Remove `standard(Colour")),
    (
        "listed as a caller's",
        lambda: [_colour(), _wall(link=page("Colour", by="user_id"))],
        ("Colour has none", "`root_page(Colour)`"),
    ),
    ("rows of users without Node", lambda: [_wall("walls", object)], ("Wall is no Node", "(Node)", "@reference")),
]


@pytest.mark.parametrize(("make", "said"), [pytest.param(make, said, id=name) for name, make, said in WRONG])
def test_what_would_answer_wrongly_is_refused_with_what_to_write(
    make: Callable[[], list[Any]], said: tuple[str, ...]
) -> None:
    with pytest.raises(WrongDeclaration) as refused:
        refuse_wrong({cls.__name__: cls for cls in make()}, [])
    (problem,) = refused.value.problems
    for part in said:
        assert part in problem


RIGHT: list[tuple[str, Callable[[], list[Any]]]] = [
    ("with a link to the same type", lambda: [_shades()]),
    ("with a link from a user's row", lambda: [_colour(), _wall(link=one("Colour", key="colour_id"))]),
    ("listed in the order of an index, from its end", lambda: [_colour(listed="-name")]),
    ("listed by an amount", lambda: [_colour(listed="price")]),
]


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in RIGHT])
async def test_what_the_database_holds_is_not_refused(tables: dict[str, Table], make: Callable[[], list[Any]]) -> None:
    assert _problems(tables, *make()) == []


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in RIGHT])
def test_what_is_right_is_not_refused(make: Callable[[], list[Any]]) -> None:
    refuse_wrong({cls.__name__: cls for cls in make()}, [])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tables(database: Database) -> AsyncIterator[dict[str, Table]]:
    """The catalogue of a database with more tables."""
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(TABLES)
    yield dict(await read_catalogue(owner))
    await transaction.rollback()
    await owner.close()


def _problems(tables: dict[str, Table], *declared: Any) -> list[str]:
    return list(disagreements({cls.__name__: cls.__entity__ for cls in declared}, {}, tables))


DISAGREEING: list[tuple[str, Callable[[], Any], tuple[str, ...]]] = [
    ("in no reference table", lambda: _colour("strays"), ("is no reference table", "SELECT reference_table('strays')")),
    ("in a table of users' rows", lambda: _colour("walls"), ("walls belong to users", '`@entity("walls")`')),
    ("users' rows in a table of nobody", lambda: _wall("strays"), ("has no user_id", '@reference("strays")')),
    ("a link without an index", lambda: _shades("hues"), ("whole table hues", "INDEX ON hues (colour_id, name, id)")),
    (
        "listed in an order that no index has",
        lambda: _colour(listed="-name, price"),
        ("Query.colours would", "CREATE INDEX ON colours (name DESC, price, id)"),
    ),
]


@pytest.mark.parametrize(("make", "said"), [pytest.param(make, said, id=name) for name, make, said in DISAGREEING])
async def test_what_the_database_does_not_bear_out_is_named_with_what_to_write(
    tables: dict[str, Table], make: Callable[[], Any], said: tuple[str, ...]
) -> None:
    (problem,) = _problems(tables, make())
    for part in said:
        assert part in problem
