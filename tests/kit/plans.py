"""Read PostgreSQL's query plans for the gateway's statements: prepared, and run as the runtime role."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.kit.database import Database
from tests.kit.runtime import acting_as

LINKED = """{ viewer { conversations { nodes { title lastMessage { content }
    messages(first: 50) { nodes { seq role content
        toolExecutions { nodes { toolName status transitions { to at } } } } }
    contextOptimizations { nodes { optimizationType } } usage { totalTokens costUsd } } } } }"""
"""The deeply linked operation that benchmarks and tests use."""

MODES = ("force_generic_plan", "force_custom_plan")
"""A generic plan fits any parameters, a custom plan those of one call. PostgreSQL may use either."""

SORTS = ("Sort", "Incremental Sort")
EXPLAINED = re.compile(r"(--.*\n)*(SELECT|INSERT|UPDATE|WITH)\b")
UNASKED = ("set_config('app.user_id'", "typeinfo_tree")
"""Statements that no operation asked for: the stamp of a connection, and the driver's introspection of new types."""


@dataclass(slots=True)
class Sent:
    """The statements that were sent, with the parameters of their first use."""

    parameters: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def record(self, record: Any) -> None:
        """Record a query; to be used as a query logger of asyncpg."""
        if EXPLAINED.match(record.query) and not any(text in record.query for text in UNASKED):
            self.parameters.setdefault(record.query, tuple(record.args))


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one statement in one mode."""

    statement: str
    mode: str
    root: dict[str, Any]

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Every node of the plan."""
        pending = [self.root]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(node.get("Plans", ()))

    def scanned_whole(self, tables: Iterable[str]) -> set[str]:
        """Which of these tables are read from one end to the other: by a sequential scan, or by all of an index."""
        scanned = {
            node["Relation Name"]
            for node in self.nodes()
            if node["Node Type"] == "Seq Scan"
            or (node["Node Type"] in ("Index Scan", "Index Only Scan") and "Index Cond" not in node)
        }
        return scanned & set(tables)

    @property
    def sorted_rows(self) -> float:
        """The estimated number of rows of the largest sort; 0 if nothing is sorted."""
        return max((node["Plan Rows"] for node in self.nodes() if node["Node Type"] in SORTS), default=0)

    def __str__(self) -> str:
        return "\n".join([f"with {self.mode}", self.statement, *_lines(self.root, 0)])


def _lines(node: dict[str, Any], depth: int) -> Iterator[str]:
    shown = ("Relation Name", "Index Name", "Index Cond", "Filter", "Sort Key", "Recheck Cond")
    yield "  " * depth + " ".join([node["Node Type"], *(f"[{node[key]}]" for key in shown if key in node)])
    for below in node.get("Plans", ()):
        yield from _lines(below, depth + 1)


class Planner:
    """Explains statements as one user, under row-level security."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def parameters(self, statement: str) -> list[str]:
        """The types of a statement's parameters, by name."""
        prepared = await self._connection.prepare(statement)
        return [kind.name for kind in prepared.get_parameters()]

    async def plan(self, statement: str, parameters: tuple[Any, ...], mode: str, *, sorting: bool = True) -> Plan:
        """The plan of a statement in one of the `MODES`. Without `sorting`, it sorts only if no index has the order."""
        types = await self.parameters(statement)
        values = [_literal(value, kind) for value, kind in zip(parameters, types, strict=True)]
        await self._connection.execute(
            f"SET plan_cache_mode = {mode}; SET enable_sort = {sorting}; SET enable_incremental_sort = {sorting}"
        )
        signature = f"({', '.join(types)})" if types else ""
        await self._connection.execute(f"PREPARE explained {signature} AS {statement}")
        try:
            call = f"EXECUTE explained({', '.join(values)})" if values else "EXECUTE explained"
            text = await self._connection.fetchval(f"EXPLAIN (FORMAT JSON) {call}")
        finally:
            await self._connection.execute("DEALLOCATE explained")
        return Plan(statement, mode, json.loads(text)[0]["Plan"])


@asynccontextmanager
async def planner_of(database: Database, user_id: str) -> Any:
    """A planner on a connection of the runtime role that is stamped with a user's id."""
    async with acting_as(database, user_id) as connection:
        yield Planner(connection)


def _literal(value: Any, kind: str) -> str:
    return f"{_quoted(value)}::{kind}"


def _quoted(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case list() | tuple():
            return f"ARRAY[{', '.join(_quoted(item) for item in value)}]"
        case datetime.timedelta():
            return f"'{value.total_seconds()} seconds'"
        case bytes():
            return rf"'\x{value.hex()}'"
        case _:
            escaped = str(value).replace("'", "''")
            return f"'{escaped}'"
