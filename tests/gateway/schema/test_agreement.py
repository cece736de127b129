"""What is declared and the database does not hold is found at the start, with what to write instead."""

from __future__ import annotations

import datetime
import enum
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
import strawberry

from gateway import BigInt, Node, Through, entity, enum_type, event, many, maybe, one, page, reference, root_page
from gateway.app import running
from gateway.data.server.opening import OpenDatabase
from gateway.data.setup.catalogue import Table, read_catalogue
from gateway.schema.agreement import disagreements, refuse_disagreement
from gateway.schema.build import build_schema, graphql_schema
from gateway.schema.types.wrong_declaration import WrongDeclaration
from tests.kit.database import Database
from tests.kit.serving import settings_for

OWN = """
    user_id uuid NOT NULL REFERENCES users (user_id),
    id uuid NOT NULL DEFAULT uuid7(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id)
"""
TABLES = f"""
CREATE TABLE boxes ({OWN});
CREATE TABLE things (
    {OWN},
    deleted_at timestamptz,
    box_id uuid,
    first_box_id uuid NOT NULL,
    name text NOT NULL,
    note text,
    rank integer,
    place integer NOT NULL,
    tally bigint NOT NULL,
    local timestamp NOT NULL,
    CONSTRAINT things_place_key UNIQUE (user_id, first_box_id, place)
);
CREATE INDEX things_of_box ON things (user_id, box_id, created_at, id) WHERE deleted_at IS NULL AND box_id IS NOT NULL;
CREATE TABLE box_things (
    user_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT uuid7(),
    box_id uuid NOT NULL,
    thing_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    place integer,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, id)
);
CREATE TABLE tints (id uuid PRIMARY KEY, name text NOT NULL, tint_id uuid);
CREATE INDEX tints_by_name ON tints (name, id);
CREATE INDEX tints_of_tint ON tints (tint_id, name, id);
SELECT reference_table('tints');
CREATE TABLE hues (id uuid PRIMARY KEY, name text NOT NULL, tint_id uuid);
SELECT reference_table('hues');
CREATE TABLE strays (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    tint_id uuid,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version bigint NOT NULL
);
CREATE INDEX box_things_in_order ON box_things (user_id, box_id, created_at, thing_id);
SELECT tenant_table('boxes', without => '{{deleted_at}}');
SELECT tenant_table('things', carry => '{{first_box_id}}');
SELECT tenant_table('box_things', without => '{{updated_at,deleted_at}}');
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tables(database: Database) -> AsyncIterator[dict[str, Table]]:
    """The catalogue of a database with three tables more."""
    owner = await asyncpg.connect(database.owner_url, server_settings={"search_path": "parley"})
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(TABLES)
    yield dict(await read_catalogue(owner))
    await transaction.rollback()
    await owner.close()


def _entity(name: str, table: str, columns: dict[str, Any], **options: Any) -> Any:
    links = {key: of for key, of in columns.items() if type(of).__name__ == "Link"}
    hints = {key: of for key, of in columns.items() if key not in links}
    body = {**links, "__annotations__": hints, "__module__": __name__}
    return entity(table, **options)(type(name, (Node,), body))


def _problems(tables: dict[str, Table], *declared: Any) -> list[str]:
    entities = {cls.__name__: cls.__entity__ for cls in declared if hasattr(cls, "__entity__")}
    events = {cls.__name__: cls.__event__ for cls in declared if hasattr(cls, "__event__")}
    return list(disagreements(entities, events, tables))


ID = strawberry.ID
THING: dict[str, Any] = {
    "box_id": ID | None,
    "first_box_id": ID,
    "name": str,
    "deleted_at": datetime.datetime | None,
}
THROUGH = Through("box_things", "box_id", "thing_id")


def _thing(columns: dict[str, Any] | None = None, **options: Any) -> Any:
    return _entity("Thing", "things", {**THING, **(columns or {})}, **options)


def _tint(table: str = "tints") -> Any:
    """A type of reference data, with a link to rows of the same type."""
    hints = {"id": ID, "name": str, "tint_id": strawberry.Private[ID]}
    body = {"tints": page("Tint", by="tint_id"), "__annotations__": hints, "__module__": __name__}
    return reference(table, order="name")(type("Tint", (), body))


def _boxed(link: Any, columns: dict[str, Any] | None = None, **options: Any) -> tuple[Any, Any]:
    """A box with a link to things."""
    return _entity("Box", "boxes", {"things": link}), _thing(columns, **options)


def _linked(link: Any) -> tuple[Any, Any]:
    """A thing with a link to a box."""
    return _entity("Box", "boxes", {}), _thing({"link": link})


@event("things", op="insert")
class Filed:
    """A thing was put into a box for the first time."""

    first_box_id: strawberry.ID
    """The box."""


@event("things", op="insert")
class Boxed:
    """A thing was put into a box."""

    box_id: strawberry.ID | None
    """The box."""


@event("nothing", op="insert")
class Nothing:
    """There is no such table."""


WRONG: list[tuple[str, tuple[Any, ...], tuple[str, ...]]] = [
    ("no table", (_entity("Gone", "gone", {}),), ("Gone declares the table gone, which does not exist", "migration")),
    ("no column", (_thing({"colour": str}),), ("Thing.colour is not a column of things", "Add it in a migration")),
    ("column of another type", (_thing({"tally": str}),), ("things.tally is bigint", "make the column text")),
    ("number that is too small", (_thing({"tally": int}),), ("things.tally is bigint",)),
    ("time without a zone", (_thing({"local": datetime.datetime}),), ("things.local is timestamp without",)),
    ("column that may be null", (_thing({"note": str}),), ("never null, but things.note may be",)),
    (
        "order that may be null",
        _boxed(page("Thing", by="box_id", order="rank"), {"rank": strawberry.Private[int]}),
        ("ordered by rank, which may be null", "coalesce(rank"),
    ),
    (
        "order of another type",
        _boxed(page("Thing", by="box_id", order="local"), {"local": strawberry.Private[datetime.datetime]}),
        ("things.local is timestamp without",),
    ),
    (
        "one of several orders",
        _boxed(
            page("Thing", by="box_id"),
            {"rank": strawberry.Private[int]},
            order=enum.Enum("Order", {"A": "created_at", "B": "-rank"}),
        ),
        ("ordered by rank, which may be null",),
    ),
    (
        "through a table without the order",
        _boxed(page("Thing", through=THROUGH, order="name")),
        ("ordered by name, which box_things does not have", 'page(…, order="…")'),
    ),
    (
        "through a table with another order",
        _boxed(page("Thing", through=THROUGH, order="place"), {"place": int}),
        ("ordered by place, which may be null",),
    ),
    (
        "through no table",
        _boxed(page("Thing", through=Through("between", "box_id", "thing_id"))),
        ("goes through the table between, which does not exist",),
    ),
    (
        "through no column",
        _boxed(page("Thing", through=Through("box_things", "box_id", "part_id"))),
        ("box_things, which has no column part_id",),
    ),
    (
        "through no index",
        _boxed(page("Thing", through=Through("box_things", "thing_id", "box_id"))),
        ("would read the whole table box_things", "CREATE INDEX ON box_things (user_id, thing_id, …)"),
    ),
    ("no such parent", _boxed(page("Thing", by="shelf_id")), ("by things.shelf_id, which does not exist",)),
    (
        "unique in another list",
        _boxed(page("Thing", by="box_id", order="place"), {"place": int}, unique=("place",)),
        ("declares as unique in every list", "UNIQUE (user_id, box_id, place)"),
    ),
    (
        "unique among all of a user's",
        _boxed(page("Thing", by="user_id", order="place"), {"place": int}, unique=("place",)),
        ("declares as unique in every list",),
    ),
    ("one that may be none", _linked(one("Box", key="box_id")), ("never null, but box_id may be", "maybe(")),
    ("key of another type", _linked(maybe("Box", key="name")), ("follows name, which is text, not uuid",)),
    (
        "one of several",
        _boxed(maybe("Thing", by="box_id")),
        ("several rows of things may have the same box_id", "UNIQUE (user_id, box_id)"),
    ),
    ("users' rows of nobody", (_entity("Stray", "strays", {}),), ("which has no user_id", '@reference("strays")')),
    ("reference data without an index", (_tint("hues"),), ("read the whole table hues", "(tint_id, …)")),
    ("event that is not carried", (_thing(), Boxed), ("Boxed needs box_id", "carry => '{box_id, …}'")),
    ("event of no table", (Nothing,), ("Nothing is an event of the table nothing, which does not exist",)),
]


@pytest.mark.parametrize(("declared", "said"), [pytest.param(made, said, id=name) for name, made, said in WRONG])
async def test_what_the_database_does_not_bear_out_is_named_with_what_to_write(
    tables: dict[str, Table], declared: tuple[Any, ...], said: tuple[str, ...]
) -> None:
    (problem,) = _problems(tables, *declared)
    for part in said:
        assert part in problem


RIGHT: list[tuple[str, tuple[Any, ...]]] = [
    ("plain", (_thing({"tally": BigInt, "note": str | None, "place": int}),)),
    ("partial index that holds the whole list", _boxed(page("Thing", by="box_id"))),
    ("many", _boxed(many("Thing", by="first_box_id"))),
    ("all of a user's", _boxed(page("Thing", by="user_id"))),
    ("through", _boxed(page("Thing", through=THROUGH))),
    ("unique", _boxed(page("Thing", by="first_box_id", order="-place"), {"place": int}, unique=("place",))),
    ("through, whatever is unique", _boxed(page("Thing", through=THROUGH), unique=("created_at",))),
    ("reference data", (_tint(),)),
    ("a link to one", _linked(one("Box", key="first_box_id"))),
    ("a link to none or one", _linked(maybe("Box", key="box_id"))),
    ("an event that is carried", (_thing(), Filed)),
]


@pytest.mark.parametrize("declared", [pytest.param(made, id=name) for name, made in RIGHT])
async def test_what_the_database_holds_is_not_refused(tables: dict[str, Table], declared: tuple[Any, ...]) -> None:
    assert _problems(tables, *declared) == []


async def test_reference_data_is_in_a_reference_table(tables: dict[str, Table]) -> None:
    assert any(
        "strays is no reference table. Write SELECT reference" in each for each in _problems(tables, _tint("strays"))
    )
    assert any(
        'things belong to users. Declare it with `@entity("things")`' in each
        for each in _problems(tables, _tint("things"))
    )


async def test_an_index_that_leaves_rows_out_serves_no_link(tables: dict[str, Table]) -> None:
    """A list of what cannot be deleted holds all rows."""
    kept = _entity("Thing", "things", {"box_id": ID | None})
    (problem,) = _problems(tables, _entity("Box", "boxes", {"things": page("Thing", by="box_id")}), kept)
    assert "would read the whole table things" in problem


async def test_the_schema_of_parley_agrees_with_its_database(tables: dict[str, Table]) -> None:
    refuse_disagreement(graphql_schema(), tables)


@entity("conversations", order="last_message_at")
class Thread(Node):
    """A conversation in an order that loses some."""

    last_message_at: strawberry.Private[datetime.datetime]


@entity("users")
class Owner(Node):
    """Whose they are."""

    threads = page("Thread", by="user_id")
    """Their conversations."""


@enum_type
class TintOrder(enum.Enum):
    """How tints are ordered."""

    NAME = "name"
    """By name."""
    TINT = "tint_id"
    """By a column that may be null."""


@reference("tints", order=TintOrder)
class ListedTint:
    """Reference data that is listed by a column which may be null and has no index."""

    id: strawberry.ID
    """The id."""
    name: str
    """The name."""
    tint_id: strawberry.Private[strawberry.ID]


@root_page(ListedTint)
def tints() -> None:
    """All tints."""


async def test_a_root_page_needs_an_index_for_each_order(tables: dict[str, Table]) -> None:
    module: Any = ModuleType(__name__)
    module.ListedTint, module.tints = ListedTint, tints
    with pytest.raises(WrongDeclaration) as caught:
        refuse_disagreement(build_schema([module])._schema, {**tables, "tints": _without_index(tables["tints"])})
    assert [each.split(":")[0].split(", ")[0] for each in caught.value.problems] == [
        "Query.tints would sort the whole table tints by name. CREATE INDEX ON tints (name",
        "Query.tints is ordered by tint_id",
        "Query.tints would sort the whole table tints by tint_id. CREATE INDEX ON tints (tint_id",
    ]


def _without_index(table: Table) -> Table:
    return Table(table.columns, [], table.keys, table.carried, table.is_reference)


async def test_a_gateway_does_not_start_with_what_the_database_does_not_bear_out(
    database: Database, tmp_path: Any
) -> None:
    module: Any = ModuleType(__name__)
    module.Thread, module.Owner = Thread, Owner
    schema = build_schema([module])._schema
    opened = OpenDatabase(database.runtime_url, database.owner_url)
    with pytest.raises(WrongDeclaration, match=r"Owner\.threads is ordered by last_message_at, which may be null"):
        async with running(settings_for(tmp_path), opened, schema=schema):
            pass
