"""A declaration that would answer wrongly does not build, and is told what to write instead."""

from __future__ import annotations

import datetime
import decimal
import enum
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import strawberry

from gateway import (
    JSON,
    BigInt,
    Info,
    Node,
    Through,
    any_of,
    entity,
    event,
    many,
    maybe,
    object_type,
    one,
    page,
    query,
    standard,
)
from gateway.schema.build import build_schema
from gateway.schema.declaration import refuse_wrong
from gateway.schema.fields.standard import Standard, parent_of
from gateway.schema.types.typing import links_of
from gateway.schema.types.wrong_declaration import WrongDeclaration
from tests.gateway.schema.filed import Attachment, Category
from tests.gateway.schema.guests import AgedInput, Crowd, Guest, GuestInput, NamelessInput, Size
from tests.gateway.schema.leading import Keyless, Lost

ID = strawberry.ID


def _check(*declared: Any) -> None:
    """What a build asks of declarations before it makes anything of them."""
    entities = {cls.__name__: cls for cls in declared if hasattr(cls, "__entity__")}
    refuse_wrong(entities, [cls for cls in declared if hasattr(cls, "__event__")], filter(links_of, declared))
    for cls in entities.values():
        if (made := getattr(cls, "__standard__", None)) is not None:
            parent_of(cls, made.within, entities)


def _built(*items: Any) -> str:
    """The schema of these declarations alone."""
    modules: dict[str, ModuleType] = {}
    for item in items:
        setattr(modules.setdefault(item.__module__, ModuleType(item.__module__)), item.__name__, item)
    return build_schema(modules.values()).as_str()


def _thing(columns: dict[str, Any], *, name: str = "Thing", **options: Any) -> type:
    """An entity with these columns and links."""
    declared: dict[str, Any] = {key: of for key, of in columns.items() if _is_link(of)}
    hints = {key: of for key, of in columns.items() if not _is_link(of)}
    body = {**declared, "__annotations__": hints, "__module__": __name__}
    return entity(options.pop("table", f"{name.lower()}s"), **options)(type(name, (Node,), body))


def _is_link(of: Any) -> bool:
    return type(of).__name__ in ("Link", "StrawberryField")


def _filter(**attributes: Any) -> type:
    """A filter with these attributes: a type, or a type and a default."""
    pairs = {key: of if isinstance(of, tuple) else (of, None) for key, of in attributes.items()}
    body: dict[str, Any] = {key: default for key, (_, default) in pairs.items()}
    body |= {"__annotations__": {key: of for key, (of, _) in pairs.items()}, "__module__": __name__}
    return strawberry.input(type("ThingFilter", (), body), description="Which.")


COLUMNS: dict[str, Any] = {
    "text": str,
    "note": str | None,
    "count": int,
    "total": BigInt,
    "size": Size,
    "data": JSON,
    "is_new": bool,
    "due_at": datetime.datetime | None,
    "parent_id": ID | None,
    "box_id": ID,
    "tmdb_id": int,
    "device_id": str | None,
    "tokens_before": int,
    "has_files": bool,
    "reasons": list[str],
    "guests": list[Guest],
}


def _things(**options: Any) -> list[type]:
    return [_thing(COLUMNS, **options)]


def _linked(link: Any, **columns: Any) -> list[type]:
    """A type with the link, and what it leads to."""
    return [_thing({**COLUMNS, "link": link, **columns}), _thing({"thing_id": ID, "rank": int | None}, name="Part")]


def _tagged(*links: Any, **attributes: Any) -> list[type]:
    """A type that is linked to another one through a join table, with a filter."""
    through = page("Tag", through=Through("thing_tags", "thing_id", "tag_id"))
    columns = {**COLUMNS, "tags": through, **{f"link_{n}": link for n, link in enumerate(links)}}
    return [_thing(columns, filter=_filter(**attributes)), _thing({}, name="Tag")]


def _taking(**attributes: Any) -> list[type]:
    cls: Any = _thing(COLUMNS)
    taken = type("ThingInput", (), {"__annotations__": attributes, "__module__": __name__})
    cls.__standard__ = Standard(taken, [], "", lacks_subscription=False)
    return [cls]


class ThingInput:
    """What a client may set."""

    text: str
    """A text."""


def _tastes(link: Any, *, table: str = "users", **options: Any) -> list[type]:
    """A type with a link to what each user has one of."""
    owner = _thing({"tastes": link}, table=table)
    return [owner, _thing({"tea": bool}, name="Taste", one_per_user=True, **options)]


def _one_within() -> list[type]:
    (cls,) = _things(one_per_user=True)
    standard(cls, input=ThingInput, within="boxs", scope="personal:write")
    return [cls]


def _within(*links: Any) -> list[type]:
    cls = _thing({**COLUMNS, **{f"link_{n}": link for n, link in enumerate(links)}})
    standard(cls, input=ThingInput, within="boxs", scope="personal:write")
    return [cls, _thing({}, name="Box")]


@event("things", op="insert")
class Costed:
    """An event with a column that the feed holds as a text."""

    cost_usd: decimal.Decimal
    """How much."""


@query
async def bare(info: Info, what: int) -> int:
    """A field whose argument says nothing."""
    return what


WRONG: list[tuple[str, Callable[[], list[Any]], tuple[str, ...]]] = [
    ("no such order", lambda: _things(order="rank"), ("ordered by rank, which Thing does not have", "Declare it")),
    ("order of JSON", lambda: _things(order="data"), ("ordered by data, which is JSON", "no cursor can hold")),
    ("one of several columns", lambda: _things(order="-is_new, rank"), ("ordered by rank, which Thing does not have",)),
    ("a column twice", lambda: _things(order="text, -count, -text"), ("ordered by text twice", "Name it once")),
    ("an empty column", lambda: _things(order="text,"), ("names an empty column", "`-a, b`")),
    (
        "one of several orders",
        lambda: _things(order=enum.Enum("Order", {"A": "text", "B": "-data"})),
        ("ordered by data, which is JSON",),
    ),
    ("unique", lambda: _things(unique=("rank",)), ("no column rank, which `unique` names", "Remove it")),
    (
        "order of a link",
        lambda: _linked(page("Part", by="thing_id", order="rank, -seq")),
        ("Thing.link is ordered by seq, which Part does not have",),
    ),
    (
        "order of many",
        lambda: _linked(many("Part", by="thing_id", order="seq")),
        ("Thing.link is ordered by seq, which Part does not have",),
    ),
    ("link to no type", lambda: _linked(page("Parts", by="thing_id")), ("leads to Parts, which is not a type",)),
    ("key of another kind", lambda: _linked(maybe("Part", key="tmdb_id")), ("tmdb_id, which is int, not an id",)),
    (
        "nullable key of one",
        lambda: _linked(one("Part", key="parent_id")),
        ("never null, but parent_id may be", 'maybe("Part", key="parent_id")'),
    ),
    ("no such by", lambda: _linked(page("Part", by="box_id")), ("box_id, which is not an id of", "Declare it there")),
    ("by of another kind", lambda: _linked(page("Part", by="rank")), ("rank, which is not an id of Part",)),
    ("neither by nor through", lambda: _linked(page("Part")), ("needs either `by`",)),
    (
        "by and through",
        lambda: _linked(page("Part", by="thing_id", through=Through("between", "thing_id", "part_id"))),
        ("needs either `by`",),
    ),
    ("no such column", lambda: _things(filter=_filter(rank=int | None)), ("by rank, which Thing does not have",)),
    (
        "no such compared column",
        lambda: _things(filter=_filter(made_from=datetime.datetime | None)),
        ("by made_at, which Thing does not have",),
    ),
    ("filter of another kind", lambda: _things(filter=_filter(count=str | None)), ("is str, but count is int",)),
    ("an id for a text", lambda: _things(filter=_filter(tmdb_id=ID | None)), ("is ID, but tmdb_id is int",)),
    ("a list compared", lambda: _things(filter=_filter(count_from=list[int] | None)), ("Give it the type",)),
    ("filter of JSON", lambda: _things(filter=_filter(data=JSON | None)), ("data is JSON",)),
    ("text in a number", lambda: _things(filter=_filter(count_contains=int | None)), ("searches for a text in count",)),
    ("order of enumerations", lambda: _things(filter=_filter(size_from=Size | None)), ("has no order",)),
    (
        "text in what is no list",
        lambda: _things(filter=_filter(note_includes=list[str] | None)),
        ("searches in a list",),
    ),
    ("one text in a list", lambda: _things(filter=_filter(data_includes=str | None)), ("Write `list[str] | None`",)),
    ("texts or nulls in a list", lambda: _things(filter=_filter(data_includes=list[str | None] | None)), ("Write",)),
    ("one id of a join table", lambda: _tagged(tag_id=ID | None), ("Name it tag_id, as `list[strawberry.ID] | None`",)),
    ("ids or nulls", lambda: _tagged(tag_id=list[ID | None] | None), ("Name it tag_id",)),
    ("has of no boolean of a join table", lambda: _tagged(has_tag_id=list[ID] | None), ("Write `bool | None`",)),
    (
        "column of two join tables",
        lambda: _tagged(page("Tag", through=Through("labels", "thing_id", "tag_id")), tag_id=list[ID] | None),
        ("tag_id is a column of several join tables",),
    ),
    ("has of what is never null", lambda: _things(filter=_filter(has_text=bool | None)), ("it always has one",)),
    ("has of no boolean", lambda: _things(filter=_filter(has_note=str | None)), ("Write `bool | None`",)),
    (
        "list that cannot ask for null",
        lambda: _things(filter=_filter(note=list[str] | None)),
        ("cannot ask for rows without note", "list[str | None] | None"),
    ),
    (
        "list that takes null in vain",
        lambda: _things(filter=_filter(text=list[str | None] | None)),
        ("text is never null", "list[str] | None"),
    ),
    (
        "value that cannot ask for null",
        lambda: _things(filter=_filter(note=str | None)),
        ("cannot ask for rows without note", "= strawberry.UNSET"),
    ),
    (
        "value that takes null in vain",
        lambda: _things(filter=_filter(text=(str | None, strawberry.UNSET))),
        ("text is never null", "`= None`"),
    ),
    ("input of no column", lambda: _taking(rank=int), ("ThingInput.rank is not a column of Thing",)),
    ("input of another kind", lambda: _taking(tmdb_id=ID | None), ("is ID, but Thing.tmdb_id is int",)),
    ("a text for an id", lambda: _taking(box_id=str), ("is str, but Thing.box_id is ID",)),
    ("input of another list", lambda: _taking(reasons=list[int] | None), ("Thing.reasons is list[str]",)),
    ("one value for a list", lambda: _taking(reasons=str), ("is str, but Thing.reasons is list[str]",)),
    (
        "input without a needed member",
        lambda: _taking(guests=list[NamelessInput]),
        ("the required attributes of Guest",),
    ),
    ("input with a member too many", lambda: _taking(guests=list[AgedInput]), ("no other attributes than it has",)),
    ("list of nulls", lambda: [_thing({"names": list[str | None]})], ("Thing.names", "without `| None` in it")),
    ("list of anything", lambda: [_thing({"names": list[Any]})], ("cannot be stored. Write `list[str]`",)),
    ("list of odd objects", lambda: [_thing({"crowds": list[Crowd]})], ("whose member first cannot be stored",)),
    ("order of a list", lambda: _things(order="reasons"), ("ordered by reasons, which is list[str]",)),
    ("two types of a table", lambda: [_thing({}), _thing({}, name="Other", table="things")], ("declare the table",)),
    ("within without a link", _within, ("within='boxs', but it has no links to that table", "notebook = one(")),
    (
        "within with two links",
        lambda: _within(one("Box", key="box_id"), maybe("Box", key="parent_id")),
        ("has 2 links to that table",),
    ),
    (
        "link to any type, by a number",
        lambda: [_thing({**COLUMNS, "link": any_of(entity="text", key="tmdb_id")})],
        ("Thing.link needs tmdb_id, which holds an id, but is int", "strawberry.Private[strawberry.ID]"),
    ),
    (
        "link to any type, in a number",
        lambda: [_thing({**COLUMNS, "link": any_of(entity="count", key="box_id")})],
        ("Thing.link needs count, which holds the name of a table, but is int", "strawberry.Private[str]"),
    ),
    (
        "several of what each has one of",
        lambda: _tastes(page("Taste", by="user_id")),
        ("of which each user has exactly one", 'one("Taste", by="user_id")'),
    ),
    (
        "one of what another type has none of",
        lambda: _tastes(one("Taste", by="user_id"), table="things"),
        ("nothing says that each Thing has one", "from the type of users"),
    ),
    (
        "one that may be none",
        lambda: _linked(one("Part", by="thing_id")),
        ("nothing says that each Thing has one", 'maybe("Part", by="thing_id")'),
    ),
    ("within, and one per user", _one_within, ("each user has only one. Remove `within`",)),
    ("value that leads nowhere", lambda: [*_things(), Lost], ("Lost.home leads to Home, which is not a type",)),
    ("value without the key", lambda: [*_things(), Keyless], ("Keyless.thing follows thing_id, which is no",)),
    ("event with an amount", lambda: [*_things(), Costed], ("Costed.cost_usd is Decimal", "Link to the row")),
]


@pytest.mark.parametrize(("make", "said"), [pytest.param(make, said, id=name) for name, make, said in WRONG])
def test_what_would_answer_wrongly_is_refused_with_what_to_write(
    make: Callable[[], list[Any]], said: tuple[str, ...]
) -> None:
    with pytest.raises(WrongDeclaration) as refused:
        _check(*make())
    for part in said:
        assert part in str(refused.value)
    assert len(refused.value.problems) <= 1, "nothing else is wrong"


RIGHT: list[tuple[str, Callable[[], list[Any]]]] = [
    ("every kind that a cursor holds", lambda: _things(order=enum.Enum("Order", {k: k for k in ("text", "count")}))),
    ("large number", lambda: _things(order="-total")),
    ("what may be null", lambda: _things(order="-due_at")),
    ("several columns", lambda: _things(order="-is_new, due_at, -size")),
    ("what is joined", lambda: _tagged(tag_id=list[ID] | None, has_tag_id=bool | None)),
    ("texts in a list", lambda: _things(filter=_filter(data_includes=list[str] | None))),
    ("a range with both ends", lambda: _things(filter=_filter(count_from=int | None, count_until=int | None))),
    ("boolean", lambda: _things(order="is_new")),
    ("enumeration", lambda: _things(order="size")),
    ("nulls", lambda: _things(filter=_filter(note=list[str | None] | None, parent_id=(ID | None, strawberry.UNSET)))),
    ("ids of others", lambda: _things(filter=_filter(tmdb_id=list[int] | None, device_id=list[str | None] | None))),
    (
        "columns that are named like tests",
        lambda: _things(filter=_filter(tokens_before=int | None, has_files=bool | None)),
    ),
    ("large numbers compared", lambda: _things(filter=_filter(total_from=int | None, due_before=datetime.datetime))),
    ("what a client sets", lambda: _taking(text=str, tmdb_id=int, device_id=str | None, box_id=ID)),
    ("lists", lambda: _taking(reasons=list[str] | None, guests=list[GuestInput])),
    ("one of what each has one of", lambda: _tastes(one("Taste", by="user_id"))),
    ("links", lambda: _linked(page("Part", by="thing_id"))),
    ("a link to any type", lambda: [_thing({**COLUMNS, "link": any_of(entity="note", key="parent_id")})]),
    ("one link to a parent", lambda: _within(one("Box", key="box_id"))),
]


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in RIGHT])
def test_what_is_right_is_not_refused(make: Callable[[], list[Any]]) -> None:
    _check(*make())


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(WrongDeclaration) as refused:
        _check(*_things(order="rank", filter=_filter(count=str | None)))
    assert len(refused.value.problems) == 2


def test_a_schema_with_a_wrong_declaration_is_not_built() -> None:
    with pytest.raises(WrongDeclaration, match="ordered by rank"):
        _built(Unordered)
    with pytest.raises(WrongDeclaration, match=r"Query\.bare\(what:\) has no description"):
        _built(Category, Attachment, bare)


@entity("unordered", order="rank")
class Unordered(Node):
    """Something in an order that there is not."""


@object_type
class Loose:
    """A value that does not say what it leads to."""

    table: strawberry.Private[str | None]

    thing = any_of(entity="table", key="thing_id")
    """What it leads to."""


@query
async def loose(info: Info) -> Loose:
    """A value."""
    return Loose(table=None)


def test_a_value_declares_what_its_link_needs() -> None:
    with pytest.raises(WrongDeclaration, match=r"Loose\.thing needs thing_id, which holds an id, but is not declared"):
        _built(Category, Attachment, loose)


def test_conventional_fields_are_worded_as_a_person_would() -> None:
    sdl = _built(Category, Attachment)
    for said in (
        "Create an attachment.",
        "Changes to an attachment.",
        "An attachment was created, updated, deleted or restored.",
        "One of the caller's categories, by id",
        "Every change of the caller's categories",
        "An attachment in a list, with its cursor.",
        "Only changes in this category,",
        "categoryId: ID",
    ):
        assert said in sdl
    for fault in ("a attachment", "A Attachment", "categorys", "categorieId", "categorie "):
        assert fault not in sdl
