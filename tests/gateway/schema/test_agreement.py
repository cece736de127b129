"""What is declared and the database does not hold is found at the start, with what to write instead."""

from __future__ import annotations

import datetime
import decimal
import enum
from types import ModuleType
from typing import Any

import pytest
import strawberry

from gateway import JSON, BigInt, Node, Through, any_of, entity, event, joined, many, maybe, one, page
from gateway.app import running
from gateway.data.server.opening import OpenDatabase
from gateway.data.setup.catalogue import Table
from gateway.schema.agreement import disagreements, refuse_disagreement
from gateway.schema.build import build_schema
from gateway.schema.fields.joined import functions_of
from gateway.schema.types.wrong_declaration import WrongDeclaration
from tests.kit.database import Database
from tests.kit.schema import graphql_schema
from tests.kit.serving import settings_for


def _entity(name: str, table: str, columns: dict[str, Any], **options: Any) -> Any:
    links = {key: of for key, of in columns.items() if type(of).__name__ in ("Link", "StrawberryField")}
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


def _boxed(link: Any, columns: dict[str, Any] | None = None, **options: Any) -> tuple[Any, Any]:
    """A box with a link to things."""
    return _entity("Box", "boxes", {"things": link}), _thing(columns, **options)


def _linked(link: Any) -> tuple[Any, Any]:
    """A thing with a link to a box."""
    return _entity("Box", "boxes", {}), _thing({"link": link})


class Mood(enum.Enum):
    """How one feels."""

    GLAD = "glad"
    SAD = "sad"


class Size(enum.Enum):
    """How large."""

    SMALL = "small"
    MIDDLE = "middle"
    LARGE = "large"


class SmallOrLarge(enum.Enum):
    """How large."""

    SMALL = "small"
    LARGE = "large"


LABELS = Through("thing_labels", "box_id", "thing_id", deletable=True)


def _filter(**attributes: Any) -> type:
    """A filter with these attributes."""
    body: dict[str, Any] = {**dict.fromkeys(attributes), "__annotations__": attributes, "__module__": __name__}
    return strawberry.input(type("ThingFilter", (), body), description="Which.")


def _labelled(**attributes: Any) -> tuple[Any, ...]:
    """A thing that has labels, with a filter."""
    columns = {
        "labels": page("Label", through=Through("thing_labels", "thing_id", "label_id", deletable=True)),
        "boxes": page("Label", through=Through("thing_labels", "thing_id", "box_id", deletable=True)),
    }
    thing = _entity("Thing", "things", {"name": str, **columns}, filter=_filter(**attributes))
    return thing, _entity("Label", "boxes", {})


@event("things", op="insert")
class Filed:
    """A thing was put into a box for the first time."""

    first_box_id: strawberry.ID
    """The box."""


@event("leases", op="insert")
class Hushed:
    """Work has begun, of which the feed does not tell."""


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
    ("list in a text", (_thing({"name": list[str]}),), ("things.name is text", "make the column jsonb")),
    (
        "list without limits",
        (_thing({"names": list[str]}),),
        ("Thing.names is a list without limits", "add_list_rule('things', 'names', most => …, length => …)"),
    ),
    (
        "one per user that nobody inserts",
        (_entity("Box", "boxes", {}, one_per_user=True),),
        ("new users get no row of boxes", "SELECT one_per_user('boxes')"),
    ),
    (
        "one per user that is not declared",
        (_entity("Settings", "user_settings", {}),),
        ("exactly one row of user_settings", '@entity("user_settings", one_per_user=True)'),
    ),
    ("column that may be null", (_thing({"note": str}),), ("never null, but things.note may be",)),
    (
        "order that may be null",
        _boxed(page("Thing", by="box_id", order="rank"), {"rank": strawberry.Private[int]}),
        ("ordered by rank, which may be null, but Thing.rank is declared as never null", "Declare it as `… | None`"),
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
        ("would read the whole table box_things", "CREATE INDEX ON box_things (user_id, thing_id, created_at, box_id)"),
    ),
    (
        "an order that no index has",
        _boxed(page("Thing", by="first_box_id", order="name"), {"name": str}),
        ("would sort the list by name", "CREATE INDEX ON things (user_id, first_box_id, name, id)"),
    ),
    (
        "an order that an index has with nulls first",
        _boxed(page("Thing", by="first_box_id", order="-rank"), {"rank": int | None}),
        ("CREATE INDEX ON things (user_id, first_box_id, rank DESC NULLS LAST, id DESC)",),
    ),
    (
        "an order that an index has in other directions",
        _boxed(page("Thing", by="first_box_id", order="name, rank, note"), {"rank": int | None, "note": str | None}),
        ("CREATE INDEX ON things (user_id, first_box_id, name, rank, note, id)",),
    ),
    (
        "all of a user's in an order that no index has",
        _boxed(page("Thing", by="user_id", order="name"), {"name": str}),
        ("CREATE INDEX ON things (user_id, name, id)",),
    ),
    (
        "an amount",
        _boxed(page("Thing", by="first_box_id", order="cost"), {"cost": decimal.Decimal}),
        ("which is numeric: under row-level security", "GENERATED ALWAYS AS (cost::double precision)"),
    ),
    (
        "large numbers compared with small ones",
        (_thing({"place": BigInt}, filter=_filter(place_from=BigInt | None)),),
        ("filter place_from: things.place is integer", "Declare it as int, or make the column bigint"),
    ),
    (
        "an enumeration without ranks",
        _boxed(page("Thing", by="first_box_id", order="mood"), {"mood": Mood | None}),
        ("ordered by mood, whose members have no rank", "SELECT add_rank('things', 'mood', '{glad,sad}')"),
    ),
    (
        "an enumeration with other ranks",
        _boxed(page("Thing", by="first_box_id", order="-size"), {"size": Size}),
        ("does not rank the members of Thing.size as", "SELECT add_rank('things', 'size', '{small,middle,large}')"),
    ),
    (
        "through what can be deleted",
        _boxed(page("Thing", through=Through("thing_labels", "box_id", "thing_id"))),
        ("has deleted_at. Write Through(", "deletable=True)"),
    ),
    (
        "through what cannot be deleted",
        _boxed(page("Thing", through=Through("box_things", "box_id", "thing_id", deletable=True))),
        ("does not have deleted_at", 'Write Through("box_things", "box_id", "thing_id")'),
    ),
    (
        "a filter of a join table without an index",
        _labelled(label_id=list[ID] | None),
        ("filter label_id would read all rows", "CREATE INDEX ON thing_labels (user_id, thing_id, label_id)"),
    ),
    (
        "texts in what is no list",
        (_thing({"note": strawberry.Private[JSON]}, filter=_filter(note_includes=list[str] | None)),),
        ("things.note is text",),
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
    ("event of a quiet table", (Hushed,), ("the feed does not tell of a quiet table", 'without=("changed",)')),
    (
        "a link to any type, by a column of another type",
        (_thing({"link": any_of(entity="name", key="note")}),),
        ("Thing.link: things.note is text", "make the column uuid"),
    ),
    (
        "a link to any type, by a column that there is not",
        (_thing({"link": any_of(entity="kind", key="box_id")}),),
        ("Thing.kind is not a column of things",),
    ),
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
    ("list with limits", (_thing({"reasons": list[str]}),)),
    ("one per user", (_entity("Settings", "user_settings", {}, one_per_user=True),)),
    ("partial index that holds the whole list", _boxed(page("Thing", by="box_id"))),
    ("many", _boxed(many("Thing", by="first_box_id"))),
    ("all of a user's", _boxed(page("Thing", by="user_id"))),
    ("through", _boxed(page("Thing", through=THROUGH))),
    ("nulls last", _boxed(page("Thing", by="first_box_id", order="rank"), {"rank": int | None})),
    (
        "an index read from its end",
        _boxed(page("Thing", by="first_box_id", order="-name, -rank, note"), {"rank": int | None, "note": str | None}),
    ),
    ("through what can be deleted", _boxed(page("Thing", through=LABELS))),
    ("a filter of a join table", _labelled(box_id=list[ID] | None)),
    ("ranks", _boxed(page("Thing", by="first_box_id", order="-size"), {"size": SmallOrLarge})),
    ("unique", _boxed(page("Thing", by="first_box_id", order="-place"), {"place": int}, unique=("place",))),
    ("through, whatever is unique", _boxed(page("Thing", through=THROUGH), unique=("created_at",))),
    ("a link to one", _linked(one("Box", key="first_box_id"))),
    ("a link to none or one", _linked(maybe("Box", key="box_id"))),
    ("a link to any type", (_thing({"link": any_of(entity="note", key="box_id")}),)),
    ("an event that is carried", (_thing(), Filed)),
]


@pytest.mark.parametrize("declared", [pytest.param(made, id=name) for name, made in RIGHT])
async def test_what_the_database_holds_is_not_refused(tables: dict[str, Table], declared: tuple[Any, ...]) -> None:
    assert _problems(tables, *declared) == []


async def test_an_index_that_leaves_rows_out_serves_no_link(tables: dict[str, Table]) -> None:
    """A list of what cannot be deleted holds all rows."""
    kept = _entity("Thing", "things", {"box_id": ID | None})
    (problem,) = _problems(tables, _entity("Box", "boxes", {"things": page("Thing", by="box_id")}), kept)
    assert "would read the whole table things" in problem


async def test_a_list_that_mutations_change_is_of_a_join_table(tables: dict[str, Table]) -> None:
    through = Through("thing_labels", "thing_id", "label_id", deletable=True)
    thing = _entity("Thing", "things", THING | {"labels": page("Label", through=through, order="created_at")})
    label = _entity("Label", "boxes", {})
    joined(label, name="labels", scope="personal:write")
    functions_of(label, {"Thing": thing, "Label": label})
    assert [problem for problem in _problems(tables, thing, label) if "mutations" in problem] == [
        "Thing.labels is changed by mutations, but no function of the database changes thing_labels for things. Write "
        "SELECT join_table('thing_labels', 'thing_id', 'things', 'label_id', 'boxes') in its migration."
    ]


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
