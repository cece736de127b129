"""A client of Parley's API for agents: it survives lost connections, misses no event and does nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import aiohttp

PASSING = {"UNREACHABLE", "OVERLOADED", "UNAVAILABLE"}
"""The codes of errors after which the same operation may succeed."""
LONGEST_WAIT_SECONDS = 10.0


class ApiError(Exception):
    """An operation failed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        """A code of the API, `UNREACHABLE`, or `REFUSED` if the mutation returned user errors."""


class Api:
    """Queries and mutations over HTTP, and subscriptions over a websocket."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str | None = None) -> None:
        self.http = http
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def run(self, operation: str, tries: int = 6, **variables: Any) -> dict[str, Any]:
        """Return the data of a query or mutation. Raises `ApiError`.

        It is sent again if it may not have arrived. So give new objects an id: then nothing is created twice.
        """
        for failures in range(tries):
            try:
                return await self._post({"query": operation, "variables": variables})
            except ApiError as error:
                if error.code not in PASSING or failures == tries - 1:
                    raise
                await _pause(failures)
        raise AssertionError("an operation is tried at least once")

    async def change(self, field: str, selection: str, **values: Any) -> dict[str, Any]:
        """Return the payload of a mutation with these input values. Raises `ApiError`, also for user errors."""
        kind = field[0].upper() + field[1:]
        wanted = f"{selection} userErrors {{ message }}"
        operation = f"mutation ($input: {kind}Input!) {{ {field}(input: $input) {{ {wanted} }} }}"
        payload: dict[str, Any] = (await self.run(operation, input=values))[field]
        if payload["userErrors"]:
            raise ApiError("REFUSED", " ".join(each["message"] for each in payload["userErrors"]))
        return payload

    async def follow(self, subscription: str, after: str, **variables: Any) -> AsyncGenerator[dict[str, Any], None]:
        """The events of a subscription after a cursor, each once and in order. Raises `ApiError`.

        After a lost connection, it goes on from the cursor of the last event, so the events must select `cursor`.
        """
        failures = 0
        while True:
            try:
                async with aclosing(self._events(subscription, {**variables, "after": after})) as events:
                    async for event in events:
                        failures, after = 0, event["cursor"]
                        yield event
            except aiohttp.ClientError:
                pass
            except ApiError as error:
                if error.code not in PASSING:
                    raise
            await _pause(failures)
            failures += 1

    async def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            async with self.http.post(f"{self.url}/graphql", json=body, headers=self.headers) as response:
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ApiError("UNREACHABLE", f"No gateway answers at {self.url}.") from error
        _refuse(answer.get("errors"))
        data: dict[str, Any] = answer["data"]
        return data

    async def _events(self, subscription: str, variables: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events until the connection ends, by the protocol graphql-transport-ws."""
        url, protocols = f"{self.url}/graphql", ["graphql-transport-ws"]
        async with self.http.ws_connect(url, protocols=protocols, heartbeat=20) as socket:
            await socket.send_json({"type": "connection_init", "payload": self.headers})
            payload = {"query": subscription, "variables": variables}
            async for frame in socket:
                match frame.json():
                    case {"type": "connection_ack"}:
                        await socket.send_json({"type": "subscribe", "id": "1", "payload": payload})
                    case {"type": "ping"}:
                        await socket.send_json({"type": "pong"})
                    case {"type": "next", "payload": answer}:
                        _refuse(answer.get("errors"))
                        (event,) = answer["data"].values()
                        yield event
                    case {"type": "error", "payload": errors}:
                        _refuse(errors)
        if socket.close_code == 4403:
            raise ApiError("UNAUTHENTICATED", "The gateway no longer accepts the token.")


def _refuse(errors: list[dict[str, Any]] | None) -> None:
    if errors:
        code = errors[0].get("extensions", {}).get("code", "INTERNAL")
        raise ApiError(code, " ".join(error["message"] for error in errors))


async def _pause(failures: int) -> None:
    """Wait longer after each failure."""
    await asyncio.sleep(min(LONGEST_WAIT_SECONDS, 0.25 * 2**failures))
