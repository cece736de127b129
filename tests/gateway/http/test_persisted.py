"""Operations that are named by the hash of their text, over real connections."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import orjson
import pytest

from tests.gateway.http.clients.socket_client import connected
from tests.gateway.toy import Served, serving

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
UNKNOWN = "PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND"


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def by_id(text: str) -> dict[str, Any]:
    """The members that name the text as the draft of persisted documents has it."""
    return {"documentId": f"sha256:{sha256(text)}"}


def by_extension(text: str) -> dict[str, Any]:
    """The members that name the text as Apollo's clients do."""
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(text)}}}


WAYS: dict[str, Callable[[str], dict[str, Any]]] = {
    "by id": by_id,
    "by extension": by_extension,
    "by both": lambda text: by_id(text) | by_extension(text),
}
ways = pytest.mark.parametrize("way", WAYS)
TEXT = "query ($of: Int!) { double(of: $of) }"
SOME = sha256(TEXT)


async def post(http: aiohttp.ClientSession, served: Served, accept: str = JSON, **members: Any) -> tuple[int, Any]:
    async with http.post(served.url, json=members, headers={"Accept": accept}) as response:
        assert response.content_type == accept
        return response.status, orjson.loads(await response.read())


async def get(http: aiohttp.ClientSession, served: Served, **members: Any) -> tuple[int, Any]:
    params = {name: each if isinstance(each, str) else orjson.dumps(each).decode() for name, each in members.items()}
    async with http.get(served.url, params=params) as response:
        return response.status, orjson.loads(await response.read())


def said(answer: Any) -> tuple[str, str]:
    """What the one error of an answer without data says, and its code."""
    assert answer.keys() == {"errors"}
    (error,) = answer["errors"]
    return error["message"], error["extensions"]["code"]


@ways
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_hash_is_enough_once_its_text_has_come(
    http: aiohttp.ClientSession, served: Served, way: str, accept: str
) -> None:
    text = f"{TEXT} # {way}, {accept}"
    named, given = WAYS[way](text), {"variables": {"of": 21}}
    for without in ({}, {"query": None}, {"query": ""}):
        status, answer = await post(http, served, accept, **without, **named, **given)
        assert (status, said(answer)) == (200, UNKNOWN)
    for members in {"query": text}, {}, {"query": None}, {"query": ""}, {"query": text}:
        assert await post(http, served, accept, **members, **named, **given) == (200, {"data": {"double": 42}})


async def test_ways_to_name_a_text_are_worth_the_same(http: aiohttp.ClientSession, served: Served) -> None:
    text = '{ hello(name: "Zoë") } # é'
    await post(http, served, query=text, **by_id(text))
    assert await post(http, served, **by_extension(text)) == (200, {"data": {"hello": "Hello, Zoë!"}})


async def test_text_that_came_without_its_hash_is_not_known_by_it(http: aiohttp.ClientSession, served: Served) -> None:
    text = "{ hello } # without"
    await post(http, served, query=text)
    assert said((await post(http, served, **by_id(text)))[1]) == UNKNOWN


@ways
async def test_hash_of_another_text_is_refused(http: aiohttp.ClientSession, served: Served, way: str) -> None:
    text = f"{{ hello }} # {way}, another"
    named = WAYS[way](text)
    for accept, expected in ((JSON, 200), (GRAPHQL, 400)):
        status, answer = await post(http, served, accept, query="{ node { id } }", **named)
        assert (status, said(answer)) == (expected, ("The hash is not the SHA-256 of the document.", "BAD_REQUEST"))
    assert said((await post(http, served, **named))[1]) == UNKNOWN


@ways
async def test_hash_is_read_from_the_parameters_of_a_url(http: aiohttp.ClientSession, served: Served, way: str) -> None:
    text = f"{TEXT} # {way}, url"
    named, given = WAYS[way](text), {"variables": {"of": 21}}
    status, answer = await get(http, served, **named, **given)
    assert (status, said(answer)) == (200, UNKNOWN)
    for members in {"query": text}, {}, {"query": ""}:
        assert await get(http, served, **members, **named, **given) == (200, {"data": {"double": 42}})


async def test_mutation_by_its_hash_is_not_run_over_get(http: aiohttp.ClientSession, served: Served) -> None:
    text = 'mutation { write(text: "by hash") }'
    await post(http, served, query=text, **by_id(text))
    before = len(served.toy.written)
    assert (await get(http, served, **by_id(text)))[0] == 405
    assert len(served.toy.written) == before


EXTENSION = "`extensions.persistedQuery"
MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"documentId": 1}, "`documentId` must be a string or null, not a number."),
    ({"documentId": {}}, "`documentId` must be a string or null, not an object."),
    *(
        ({"documentId": given}, "`documentId` must be `sha256:` and 64 hexadecimal digits, in lower case.")
        for given in (
            SOME,
            "sha256:",
            f"md5:{SOME}",
            f"SHA256:{SOME}",
            f"sha256:{SOME.upper()}",
            f"sha256:{SOME[:-1]}",
            f"sha256:{SOME}0",
            f"sha256:{SOME}\n",
            f"sha256: {SOME}",
            f"sha256:{SOME[:-1]}٣",
        )
    ),
    *(
        ({"extensions": {"persistedQuery": given}}, said)
        for given, said in (
            (SOME, f"{EXTENSION}` must be an object, not a string."),
            (False, f"{EXTENSION}` must be an object, not a boolean."),
            ({"sha256Hash": SOME}, f"{EXTENSION}.version` must be 1."),
            ({"version": 2, "sha256Hash": SOME}, f"{EXTENSION}.version` must be 1."),
            ({"version": "1", "sha256Hash": SOME}, f"{EXTENSION}.version` must be 1."),
            ({"version": True, "sha256Hash": SOME}, f"{EXTENSION}.version` must be 1."),
            *(
                (
                    {"version": 1, "sha256Hash": hash},
                    f"{EXTENSION}.sha256Hash` must be 64 hexadecimal digits, in lower case.",
                )
                for hash in (None, 1, "", SOME.upper(), SOME[1:], f"sha256:{SOME}", f"{SOME}\n")
            ),
        )
    ),
    (
        by_id("{ hello }") | by_extension("{ node { id } }"),
        "`documentId` and `extensions.persistedQuery` name two different documents.",
    ),
]


@pytest.mark.parametrize(("members", "message"), MALFORMED)
@pytest.mark.parametrize("query", [{}, {"query": TEXT, "variables": {"of": 1}}], ids=["alone", "beside the text"])
async def test_name_that_is_malformed_is_told(
    http: aiohttp.ClientSession, served: Served, query: dict[str, Any], members: dict[str, Any], message: str
) -> None:
    status, answer = await post(http, served, **query, **members)
    assert (status, said(answer)) == (400, (message, "BAD_REQUEST"))


@pytest.mark.parametrize("members", [{"documentId": None}, {"extensions": {"persistedQuery": None}}])
async def test_name_that_is_null_is_not_there(http: aiohttp.ClientSession, served: Served, members: Any) -> None:
    assert await post(http, served, query="{ hello }", **members) == (200, {"data": {"hello": "Hello, world!"}})
    assert "`query` is missing" in said((await post(http, served, **members))[1])[0]


@ways
async def test_hash_is_enough_over_the_socket(served: Served, way: str) -> None:
    text = f"subscription {{ count(to: 1) }} # {way}"
    named = WAYS[way](text)
    async with connected(served) as client:
        await client.init()
        await client.say({"id": "1", "type": "subscribe", "payload": named})
        heard = await client.heard()
        assert (heard["type"], said({"errors": heard["payload"]})) == ("error", UNKNOWN)
        for members in {"query": text}, {}, {"query": ""}:
            await client.say({"id": "1", "type": "subscribe", "payload": {**members, **named}})
            assert (await client.heard())["payload"] == {"data": {"count": 1}}
            assert (await client.heard())["type"] == "complete"


async def test_name_that_is_malformed_ends_its_operation(served: Served) -> None:
    async with connected(served) as client:
        await client.init()
        await client.say({"id": "1", "type": "subscribe", "payload": {"documentId": "sha256:"}})
        (error,) = (await client.heard())["payload"]
        assert error["message"].startswith("`documentId`")
