"""A real gateway on a real socket for tests, and a client for it."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import pytest
import pytest_asyncio

from gateway.app import Gateway, running
from gateway.auth.token import TokenAuthority
from gateway.config import Settings
from gateway.data.server.opening import OpenDatabase
from tests.kit.database import Database
from tests.kit.schema import graphql_schema

PASSWORD = "a password for tests"
PATIENCE_SECONDS = 20

POLAR_SECRET = "polar_whs_of_the_tests"
POLAR_PRODUCTS = {"product-pro": "pro", "product-enterprise": "enterprise"}

_numbers = itertools.count(1)


@dataclass(slots=True)
class Statements:
    """The statements that the gateway sent, except those that stamp a connection."""

    texts: list[str] = field(default_factory=list)

    def record(self, text: str) -> None:
        if not text.startswith("SELECT WHERE set_config"):
            self.texts.append(text)


@dataclass(slots=True)
class Client:
    """A client of the API, anonymous or signed in."""

    http: aiohttp.ClientSession
    url: str
    statements: Statements
    token: str | None = None
    refresh_token: str | None = None
    user_id: str | None = None
    agent_token_id: str | None = None

    async def run(self, operation: str, **variables: Any) -> dict[str, Any]:
        """Run an operation and return the whole response."""
        body = {"query": operation, "variables": variables}
        async with self.http.post(f"{self.url}/graphql", json=body, headers=self.headers) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
            return answer

    async def data(self, operation: str, **variables: Any) -> dict[str, Any]:
        """Run an operation, which must succeed, and return its data."""
        answer = await self.run(operation, **variables)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    async def check(self, operation: str, *, expect: Any, statements: int | None = None, **variables: Any) -> None:
        """Check that an operation succeeds with this data, and that it takes this many SQL statements."""
        self.statements.texts.clear()
        assert await self.data(operation, **variables) == expect
        if statements is not None:
            assert len(self.statements.texts) == statements, "\n\n".join(self.statements.texts)

    async def mutate(self, field: str, selection: str = "", **values: Any) -> dict[str, Any]:
        """Run a mutation with these input values, by their API names, and return its payload."""
        kind = field[0].upper() + field[1:]
        wanted = f"{selection} userErrors {{ code field message }}"
        document = f"mutation($input: {kind}Input!) {{ {field}(input: $input) {{ {wanted} }} }}"
        payload: dict[str, Any] = (await self.data(document, input=values))[field]
        return payload

    async def make(self, field: str, of: str, selection: str = "id", **values: Any) -> dict[str, Any]:
        """Run a mutation, which must succeed, and return the object in its payload."""
        payload = await self.mutate(field, f"{of} {{ {selection} }}", **values)
        assert payload["userErrors"] == []
        made: dict[str, Any] = payload[of]
        return made

    async def agent(self, *scopes: str, **values: Any) -> Client:
        """A client with a new token of an agent of this user, which has these scopes."""
        of, given = "agentToken { id } token", {"name": "An agent", "scopes": scopes, **values}
        payload = await self.mutate("createAgentToken", of, **given)
        assert payload["userErrors"] == []
        token_id = payload["agentToken"]["id"]
        return replace(self, token=payload["token"], refresh_token=None, agent_token_id=token_id)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[Socket]:
        """A websocket, initialised with this client's token."""
        async with self.http.ws_connect(f"{self.url}/graphql", protocols=["graphql-transport-ws"]) as connection:
            await connection.send_json({"type": "connection_init", "payload": self.headers})
            assert (await connection.receive_json(timeout=PATIENCE_SECONDS))["type"] == "connection_ack"
            yield Socket(connection)


@dataclass(slots=True)
class Socket:
    """A websocket that speaks graphql-transport-ws, for one subscription at a time."""

    connection: aiohttp.ClientWebSocketResponse

    async def subscribe(self, operation: str, **variables: Any) -> AsyncIterator[dict[str, Any]]:
        """Start a subscription and iterate over the data of its events. Raises `Ended` when it ends."""
        id = str(next(_numbers))
        payload = {"query": operation, "variables": variables}
        await self.connection.send_json({"type": "subscribe", "id": id, "payload": payload})
        return self._events(id)

    async def _events(self, id: str) -> AsyncIterator[dict[str, Any]]:
        while True:
            message = await self.connection.receive(timeout=PATIENCE_SECONDS)
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise Ended(f"closed with {self.connection.close_code}: {message.extra}")
            content = message.json()
            match content["type"]:
                case "next" if content["id"] == id:
                    assert "errors" not in content["payload"], content
                    yield content["payload"]["data"]
                case "error" | "complete":
                    raise Ended(content.get("payload"))


class Ended(Exception):
    """A subscription has ended; the argument is the reason."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A running gateway, which can be asked for clients."""

    gateway: Gateway
    http: aiohttp.ClientSession
    statements: Statements

    @property
    def url(self) -> str:
        return self.gateway.url

    def anonymous(self) -> Client:
        """A client without a token."""
        return Client(self.http, self.url, self.statements)

    async def signed_up(self, **values: Any) -> Client:
        """A client that is signed in as a new user."""
        client = self.anonymous()
        values = {"email": f"user{next(_numbers)}@example.org", "password": PASSWORD, **values}
        payload = await client.mutate("signUp", "accessToken refreshToken user { id }", **values)
        assert payload["userErrors"] == []
        client.token, client.refresh_token = payload["accessToken"], payload["refreshToken"]
        client.user_id = payload["user"]["id"]
        return client


def settings_for(directory: Path, **overrides: Any) -> Settings:
    """Settings of a gateway for tests."""
    defaults = {"data_dir": directory, "port": 0, "demo": False, "log_level": "error", "broker_url": "postgres:"}
    defaults["work"] = False
    defaults |= {"polar_webhook_secret": POLAR_SECRET, "polar_products": POLAR_PRODUCTS}
    # Most tests must not fail because a busy machine is slow to hand out a connection, or because all users sign up
    # from one address.
    return Settings(
        _env_file=None, **{**defaults, "pool_wait_seconds": 60, "sign_ups_per_address": 100_000, **overrides}
    )


@asynccontextmanager
async def serving_on(database: Database, directory: Path, **overrides: Any) -> AsyncIterator[Serving]:
    """Run a gateway on a database. Several can share one database and one directory, as several processes do.

    At the end, checks that no operation but introspection fell back to graphql-core.
    """
    statements = Statements()
    opened = OpenDatabase(database.runtime_url, database.owner_url)
    settings = settings_for(directory, **overrides)
    async with (
        running(settings, opened, on_statement=statements.record, schema=graphql_schema()) as gateway,
        aiohttp.ClientSession() as http,
    ):
        yield Serving(gateway, http, statements)
    if settings.executor == "breadth_first":
        fell_back = {way for _, way in gateway.instruments.engine.ways if way != "breadth_first"}
        assert all(way.startswith("it asks for __") for way in fell_back), fell_back


@pytest.fixture(scope="module")
def executor(request: pytest.FixtureRequest) -> str:
    """The executor of the module's gateway."""
    return getattr(request, "param", "breadth_first")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving(database: Database, executor: str) -> AsyncIterator[Serving]:
    """The module's gateway, on the module's database."""
    with tempfile.TemporaryDirectory() as directory:
        async with serving_on(database, Path(directory), executor=executor) as made:
            yield made


@pytest_asyncio.fixture(loop_scope="module")
async def user(serving: Serving) -> Client:
    """A client that is signed in as a new user of the module's gateway."""
    return await serving.signed_up()


@pytest_asyncio.fixture(loop_scope="module")
async def stranger(serving: Serving) -> Client:
    """Another new user, who must not see the rows of `user`."""
    return await serving.signed_up()


async def short_lived_token(serving: Serving, user: Client) -> str:
    """An access token for the user's current session that expires in two seconds, signed with the gateway's key."""
    session = await user.data("{ viewer { sessions { nodes { id isCurrent } } } }")
    (own,) = [each["id"] for each in session["viewer"]["sessions"]["nodes"] if each["isCurrent"]]
    keys = serving.gateway.resources.authenticator.keys
    authority = TokenAuthority(keys, issuer="parley", audience="parley", lifetime_seconds=2)
    return authority.issue(UUID(user.user_id), UUID(own)).token


async def first(events: AsyncIterator[Any], count: int) -> list[Any]:
    """The first `count` events of a stream."""
    received = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for event in events:
            received.append(event)
            if len(received) == count:
                break
    return received
