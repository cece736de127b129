"""A list at Query holds all of the caller's rows of a type."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from gateway import Info, Node, entity, query, root_page
from gateway.execution.run import straight
from gateway.schema.build import build_schema
from gateway.schema.types.wrong_declaration import WrongDeclaration
from tests.kit.serving import Client, Serving

STAMPS = "query($first: Int, $after: Cursor) { myStamps(first: $first, after: $after) { %s } }"
ALL = "totalCount nodes { id name } edges { cursor } pageInfo { endCursor hasNextPage hasPreviousPage }"


async def _stamps(writer: Client, *names: str) -> list[str]:
    return [(await writer.make("createStamp", "stamp", name=name))["id"] for name in names]


async def test_it_has_pages_in_its_order_and_a_count(any_writer: Client) -> None:
    ids = await _stamps(any_writer, "a", "b", "c")
    page = (await any_writer.data(STAMPS % ALL, first=2))["myStamps"]
    assert [node["id"] for node in page["nodes"]] == ids[:0:-1]
    assert page["totalCount"] == 3
    assert page["pageInfo"]["hasNextPage"]
    rest = (await any_writer.data(STAMPS % ALL, first=2, after=page["pageInfo"]["endCursor"]))["myStamps"]
    assert [node["id"] for node in rest["nodes"]] == ids[:1]
    assert rest["pageInfo"]["hasPreviousPage"]


async def test_nobody_elses_rows_are_in_it(any_writer: Client, writer: Client) -> None:
    await _stamps(writer, "theirs")
    (own,) = await _stamps(any_writer, "own")
    assert (await any_writer.data("{ myStamps { nodes { id } } }"))["myStamps"]["nodes"] == [{"id": own}]


async def test_without_a_caller_it_is_refused(noted: Serving, noted_depth_first: Serving) -> None:
    for serving in (noted, noted_depth_first):
        for selection in ("nodes { id }", "totalCount", ALL):
            (error,) = (await serving.anonymous().run(STAMPS % selection))["errors"]
            assert (error["extensions"]["code"], error["path"]) == ("UNAUTHENTICATED", ["myStamps"])


async def test_a_bad_argument_is_refused_at_the_field(any_writer: Client) -> None:
    answer = await any_writer.run("{ stamps: myStamps(first: 201) { nodes { id } } }")
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("BAD_REQUEST", ["stamps"])
    (error,) = (await any_writer.run('{ myStamps(after: "eA") { nodes { id } } }'))["errors"]
    assert (error["extensions"]["code"], error["path"]) == ("BAD_REQUEST", ["myStamps"])


async def test_it_asks_one_statement_and_takes_the_short_path(writer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = 0
    found = straight._listing

    def listing(*arguments: Any) -> Any:
        nonlocal listed
        made = found(*arguments)
        listed += made is not None
        return made

    monkeypatch.setattr(straight, "_listing", listing)
    await _stamps(writer, "a", "b")
    before = len(writer.statements.texts)
    page = await writer.data("{ myStamps(first: 1) { nodes { name } edges { node { id } } pageInfo { endCursor } } }")
    assert page["myStamps"]["nodes"] == [{"name": "b"}]
    assert len(writer.statements.texts) - before == 1
    assert listed == 1


async def test_links_below_it_are_followed_level_by_level(any_writer: Client) -> None:
    for title in ("A", "B"):
        notebook = (await any_writer.make("createNotebook", "notebook", title=title))["id"]
        await any_writer.make("createMemo", "memo", notebookId=notebook, text=title)
    operation = """{ memos(filter: { textContains: "" }) { nodes { text notebook { title memos { totalCount } } } }
        again: memos(orderBy: NEWEST, first: 1) { totalCount nodes { text } } }"""
    found = await any_writer.data(operation)
    assert [node["notebook"]["title"] for node in found["memos"]["nodes"]] == ["A", "B"]
    assert found["again"] == {"totalCount": 2, "nodes": [{"text": "B"}]}


async def test_an_empty_list_is_a_page_without_rows(any_writer: Client) -> None:
    page = (await any_writer.data("{ myStamps { nodes { id } pageInfo { hasNextPage startCursor } } }"))["myStamps"]
    assert page == {"nodes": [], "pageInfo": {"hasNextPage": False, "startCursor": None}}


@entity("lamps")
class Lamp(Node):
    """A source of light."""


@query
async def lamps(info: Info) -> str:
    """A field of the name that the list would have."""
    return ""


@entity("bulbs")
class Bulb(Node):
    """A part of a lamp."""


root_page(Lamp)
root_page(Bulb, name="lamps")


def test_it_is_named_after_the_type_and_described() -> None:
    sdl = _built(Lamp)
    assert "All of the caller's lamps." in sdl
    assert "lamps(" in sdl


def test_a_field_of_the_same_name_is_refused() -> None:
    with pytest.raises(WrongDeclaration, match=r"Query\.lamps is declared twice\. Give the root_page another name"):
        _built(Lamp, lamps)
    with pytest.raises(WrongDeclaration, match=r"Query\.lamps is declared twice"):
        _built(Lamp, Bulb)


def _built(*items: Any) -> str:
    module = ModuleType(__name__)
    for item in items:
        setattr(module, item.__name__, item)
    return build_schema([module]).as_str()
