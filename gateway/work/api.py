"""Queries of the API by a job, on behalf of its user."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from graphql import GraphQLSchema

from gateway.auth.client import Client
from gateway.data.driver.stamp import Stamp
from gateway.data.tenancy import Tenant
from gateway.execution import Engine
from gateway.execution.complete import origin
from gateway.execution.contexts import Contexts, Opened
from gateway.execution.prepare.request import OperationRequest

MOST_BYTES = 16 * 1024**2
"""The most that a query may read and return. Every single object is smaller."""

_NO_CLIENT = Client(None, None)


class _Opened(Opened, Protocol):
    tenant: Tenant


@dataclass(frozen=True)
class Api:
    """The API as jobs use it."""

    contexts: Contexts
    """Opens contexts on the connections of background work."""
    make_schema: Callable[[], GraphQLSchema]
    """Called when the first job needs it, since a process that only works has no schema otherwise."""

    @functools.cached_property
    def schema(self) -> GraphQLSchema:
        """The schema."""
        return self.make_schema()

    @functools.cached_property
    def _engine(self) -> Engine:
        return Engine(self.schema, operation_bytes=MOST_BYTES)

    async def query(self, stamp: Stamp, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of a query on behalf of a user. It has no session, so it reads what does not depend on one.

        Raises `TooLarge` if it reads or returns too much, and the error of a field if one failed.
        """
        operation = self._engine.prepare(OperationRequest(text, variables=variables))
        context = cast("_Opened", self.contexts.open(None, operation, _NO_CLIENT))
        try:
            with context.tenant.signing_in(stamp):
                result = await self._engine.execute(operation, context)
        finally:
            await context.release()
        if result.errors:
            raise origin(result.errors[0])
        return cast("dict[str, Any]", result.data)
