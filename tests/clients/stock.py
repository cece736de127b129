"""People and agents with the Python client `gql`, which knows the schema and so checks what it sends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.aiohttp import AIOHTTPTransport

from tests.kit.serving import PASSWORD


class Person:
    """A signed-in device, or an agent, with a stock client."""

    def __init__(self, session: AsyncClientSession, token: str) -> None:
        self.session = session
        self.token = token

    async def ask(self, operation: str, **variables: Any) -> dict[str, Any]:
        """The data of a query."""
        data: dict[str, Any] = await self.session.execute(GraphQLRequest(operation, variable_values=variables))
        return data

    async def do(self, field: str, selection: str, **values: Any) -> Any:
        """The object that a mutation, which must succeed, gives."""
        payload = await mutate(self.session, field, selection, values)
        assert payload.pop("userErrors") == []
        (made,) = payload.values()
        return made


async def mutate(session: AsyncClientSession, field: str, selection: str, values: dict[str, Any]) -> dict[str, Any]:
    """The payload of a mutation."""
    kind = f"{field[0].upper()}{field[1:]}Input"
    text = f"mutation ($input: {kind}!) {{ {field}(input: $input) {{ {selection} userErrors {{ field message }} }} }}"
    data = await session.execute(GraphQLRequest(text, variable_values={"input": values}))
    payload: dict[str, Any] = data[field]
    return payload


@asynccontextmanager
async def person(url: str, mutation: str, **values: Any) -> AsyncIterator[Person]:
    """Somebody who signs up or in."""
    async with Client(transport=AIOHTTPTransport(url=f"{url}/graphql")) as session:
        granted = await mutate(session, mutation, "accessToken", {"password": PASSWORD, **values})
    assert granted["userErrors"] == []
    async with holder(url, granted["accessToken"]) as signed_in:
        yield signed_in


@asynccontextmanager
async def holder(url: str, token: str) -> AsyncIterator[Person]:
    """Whoever holds this token: a person, or an agent."""
    transport = AIOHTTPTransport(url=f"{url}/graphql", headers={"Authorization": f"Bearer {token}"})
    async with Client(transport=transport, fetch_schema_from_transport=True) as session:
        yield Person(session, token)
