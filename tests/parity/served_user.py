"""A user of a real gateway, and running operations as that user with either executor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest_asyncio
from graphql import GraphQLSchema

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.context import Context
from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest
from tests.kit.estate import Estate, furnish, make_estate, take_stock
from tests.kit.schema import graphql_schema
from tests.kit.serving import Serving


@dataclass(slots=True)
class ServedUser:
    """A user who owns two of everything, and the gateway that serves them."""

    serving: Serving
    schema: GraphQLSchema
    engine: Engine
    estate: Estate

    @property
    def identity(self) -> Identity:
        token = self.estate.client.token
        assert token is not None
        return self.serving.gateway.resources.authenticator.verify(token)

    def context(self, request: OperationRequest) -> Context:
        """A context for one operation, which whoever opens it releases."""
        resources = self.serving.gateway.resources
        return resources.open(self.identity, self.engine.prepare(request), Client(None, None))

    async def run(self, way: Any, by: Any, request: OperationRequest, root: object = None) -> tuple[Any, list[str]]:
        """What comes of an operation that is run one way, and the statements that it sends."""
        texts = self.serving.statements.texts
        texts.clear()
        context = self.context(request)
        try:
            outcome = await way(by, request, context, root)
        finally:
            await context.release()
            await asyncio.sleep(0)  # asyncpg tells of a statement one turn later
        # What the driver asks when it first meets a type is no part of an operation.
        return outcome, [text for text in texts if "typeinfo" not in text]


async def make_served_user(serving: Serving, superuser: asyncpg.Connection) -> ServedUser:
    """A new user."""
    estate = await make_estate(serving, superuser)
    await furnish(estate)
    await take_stock(estate, superuser)
    schema = graphql_schema()
    return ServedUser(serving, schema, Engine(schema), estate)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(serving: Serving, superuser: asyncpg.Connection) -> ServedUser:
    """The module's user."""
    return await make_served_user(serving, superuser)
