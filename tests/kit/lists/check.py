"""Compare the lists that a client sees with the reference."""

from __future__ import annotations

import random
import typing
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from gateway.schema.objects import filter as filters
from gateway.schema.objects.combined import MOST_CONDITIONS
from tests.kit.lists.list_field import ListField, sent
from tests.kit.lists.reference import Reference, Row, in_order, rows_of_list
from tests.kit.lists.scatter import WORDS, values_of
from tests.kit.serving import Client

PAGE = "{ totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }"
DECLARED = "$first: Int, $after: Cursor, $last: Int, $before: Cursor"
ARGUMENTS = "first: $first, after: $after, last: $last, before: $before"

FORWARD = ("first", "after", "endCursor", "hasNextPage", "hasPreviousPage")
BACKWARD = ("last", "before", "startCursor", "hasPreviousPage", "hasNextPage")


async def check_pages(
    client: Client, superuser: asyncpg.Connection, listed: ListField, parent: str, argument: str, order: str
) -> None:
    """Check that pages of each size, forwards and backwards, give the list in an order, each row once."""
    reference = await Reference.read(superuser, listed)
    rows = [row for row in await rows_of_list(superuser, listed, parent) if reference.lists(row, {})]
    expected = in_order(rows, listed, order)
    assert len(expected) > 2, f"the list {listed} of the test is too short"
    if not listed.is_page:
        assert [node["id"] for node in await listed.ask(client, parent, "", "{ id }")] == expected
        return
    for size in sorted({*range(1, min(len(expected), 4)), len(expected) - 1, len(expected), len(expected) + 1}):
        for size_name, cursor_name, end, ahead, behind in (FORWARD, BACKWARD):
            seen: list[str] = []
            cursor = None
            while True:
                arguments = ", ".join(filter(None, (ARGUMENTS, argument)))
                variables = {size_name: size, cursor_name: cursor}
                page = await listed.ask(client, parent, arguments, PAGE, DECLARED, **variables)
                ids = [node["id"] for node in page["nodes"]]
                seen = seen + ids if end == "endCursor" else ids + seen
                more = page["pageInfo"]
                assert len(ids) == min(size, len(expected) - len(seen) + len(ids)), (size_name, size, ids)
                assert page["totalCount"] == len(expected)
                assert (more[behind], more[ahead]) == (cursor is not None, len(seen) < len(expected)), (listed, seen)
                cursor = more[end]
                if not more[ahead]:
                    break
            assert seen == expected, (listed, order, size_name, size)


async def check_filter(
    client: Client, listed: ListField, parent: str, rows: list[Row], reference: Reference, filter: dict[str, Any]
) -> set[str]:
    """Check which rows a filter lets through, and that they are counted. Returns their ids."""
    of = f"{listed.target.filter.__name__}"  # type: ignore[union-attr]
    page = await listed.ask(
        client,
        parent,
        "first: 200, filter: $filter",
        "{ totalCount nodes { id } }",
        f"$filter: {of}",
        filter=_json(filter),
    )
    found = {node["id"] for node in page["nodes"]}
    expected = {str(row["id"]) for row in rows if reference.lists(row, filter)}
    assert found == expected, (listed, filter)
    assert page["totalCount"] == len(expected)
    return found


def attribute_filters(listed: ListField, rows: list[Row], reference: Reference) -> Iterator[tuple[str, dict[str, Any]]]:
    """Filters with one attribute each: each attribute, with values that occur and one that does not."""
    entity = listed.target
    assert entity.filter is not None
    for attribute in filters.attributes(entity, entity.filter):
        for value in _values(listed, attribute, rows, reference):
            yield attribute.name, {attribute.name: value}


def random_filter(choices: random.Random, single: list[dict[str, Any]], depth: int, usual: int = 0) -> dict[str, Any]:
    """A filter with several attributes, and others within it, as many as are allowed besides the `usual` conditions."""
    while _size(made := _random_filter(choices, single, depth)) > MOST_CONDITIONS - usual:
        pass
    return made


def _size(filter: dict[str, Any]) -> int:
    inner = [*filter.get("OR", ()), *([filter["NOT"]] if "NOT" in filter else [])]
    return max(1, len(filter)) + sum(map(_size, inner))


def _random_filter(choices: random.Random, single: list[dict[str, Any]], depth: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _ in range(choices.randrange(3)):
        made |= choices.choice(single)
    if depth and choices.random() < 0.6:
        made["OR"] = [_random_filter(choices, single, depth - 1) for _ in range(choices.randrange(4))]
    if depth and choices.random() < 0.5:
        made["NOT"] = _random_filter(choices, single, depth - 1)
    return made


def _values(listed: ListField, attribute: Any, rows: list[Row], reference: Reference) -> Iterator[Any]:
    entity, column, test = listed.target, attribute.column, attribute.test
    if test == filters.HAS:
        yield from (True, False)
        return
    if attribute.through is not None:
        ids = sorted({id for each in reference.joined[column].values() for id in each})
        yield from ([], ids[:1], ids)
        return
    if test == filters.CONTAINS:
        yield from (WORDS[0][1:3].upper(), "", "nothing of this")
        return
    if test == filters.INCLUDES:
        yield from ([], [WORDS[0]], [WORDS[0], WORDS[1]], ["nothing of this"])
        return
    kind = entity.kinds[column]
    held = sorted({row[column] for row in rows if row[column] is not None}, key=str)[:3]
    values = (
        [str(each) for each in held]
        if kind is UUID
        else [*values_of(kind), *(h for h in held if not hasattr(kind, "__members__"))]
    )
    if test != filters.IS or not _is_list(listed, attribute.name):
        yield from values
        if test == filters.IS and (attribute.null_asks or attribute.usual is not UNSET):
            yield None
        return
    yield []
    yield from ([each] for each in values)
    yield values[:2]
    if column in entity.nullable:
        yield from ([None], [None, *values[:1]], [None, *values[:2]])


def _is_list(listed: ListField, name: str) -> bool:
    assert listed.target.filter is not None
    hint = typing.get_type_hints(listed.target.filter)[name]
    return any(typing.get_origin(part) is list for part in typing.get_args(hint))


def _json(filter: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in filter.items():
        key = to_camel_case(name)
        if name == "OR":
            made[key] = [_json(each) for each in value]
        elif name == "NOT":
            made[key] = _json(value)
        else:
            made[key] = sent(value)
    assert UNSET not in made.values()
    return made
