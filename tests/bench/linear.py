"""Whether an operation's cost grows in a straight line with the messages that it reads."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

import orjson

from gateway.telemetry.progress import step
from tests.bench.client import connected, drive, encoded
from tests.bench.data import DataSet
from tests.bench.servers import Server

OPERATION = (
    "query History($conversations: Int!, $messages: Int!) { viewer { conversations(first: $conversations) { nodes { id"
    " messages(first: $messages) { nodes { id seq role content createdAt"
    " toolExecutions { nodes { id toolName status createdAt } } } } } } } }"
)
SIZES = ((1, 10), (1, 100), (10, 100), (100, 100))
"""Conversations, and messages of each."""
CONCURRENCY = 4
ROUNDS = 5
GOAL = 0.15


@dataclass(frozen=True, slots=True)
class Line:
    """Costs by numbers of messages, and the line nearest to them."""

    costs_ms: dict[int, float]
    fixed_ms: float
    message_ms: float

    @classmethod
    def through(cls, costs_ms: dict[int, float]) -> Line:
        """The line whose distances, as shares of the costs, have the least sum of squares."""
        weights = {count: 1 / cost**2 for count, cost in costs_ms.items()}
        total = sum(weights.values())
        x = sum(weight * count for count, weight in weights.items()) / total
        y = sum(weight * costs_ms[count] for count, weight in weights.items()) / total
        slope = sum(weight * (count - x) * (costs_ms[count] - y) for count, weight in weights.items()) / sum(
            weight * (count - x) ** 2 for count, weight in weights.items()
        )
        return cls(costs_ms, y - slope * x, slope)

    def deviation(self, count: int) -> float:
        """How far the cost of so many messages is above the line, as a share of it."""
        line = self.fixed_ms + self.message_ms * count
        return self.costs_ms[count] / line - 1

    @property
    def largest(self) -> float:
        """The larger deviation of the two largest operations, which the goal is about."""
        return max(abs(self.deviation(count)) for count in sorted(self.costs_ms)[-2:])


async def measure_line(server: Server, data: DataSet, *, seconds: float) -> Line:
    """Measure each size in turn, in rounds after one to warm up."""
    costs: dict[int, list[float]] = {conversations * messages: [] for conversations, messages in SIZES}
    with step("Measuring how costs grow"):
        await _require_all(server, data)
        for number in range(ROUNDS + 1):
            for conversations, messages in SIZES:
                cost = await _cost(server, _request(server, data, conversations, messages), seconds)
                if number:
                    costs[conversations * messages].append(cost)
    return Line.through({count: statistics.median(rounds) for count, rounds in costs.items()})


def _request(server: Server, data: DataSet, conversations: int, messages: int) -> bytes:
    variables = {"conversations": conversations, "messages": messages}
    body = orjson.dumps({"query": OPERATION, "variables": variables})
    return encoded(f"{server.url}{server.kind.path}", data.historian.token, body)


async def _require_all(server: Server, data: DataSet) -> None:
    async with connected(server.url, 1) as (connection,):
        for conversations, messages in SIZES:
            body = await connection.ask(_request(server, data, conversations, messages))
            if body.count(b'"content":') != conversations * messages:
                raise SystemExit(f"An operation did not read its {conversations} x {messages} messages: {body[:300]!r}")


async def _cost(server: Server, request: bytes, seconds: float) -> float:
    async with connected(server.url, CONCURRENCY) as connections:
        before = server.cpu_seconds()
        answered = await drive(connections, [request], seconds)
        return (server.cpu_seconds() - before) * 1000 / answered
