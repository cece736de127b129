"""The plans that PostgreSQL makes for statements as the gateway sends them: prepared, by the role that serves."""

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

LINKED = """{ viewer { conversations { nodes { title lastMessage { content }
    messages(first: 50) { nodes { seq role content
        toolExecutions { nodes { toolName status transitions { to at } } } } }
    contextOptimizations { nodes { optimizationType } } usage { totalTokens costUsd } } } } }"""
"""The operation that everything is measured by."""

MODES = ("force_generic_plan", "force_custom_plan")
"""The plan that serves any parameters, and the plan made for those of the call: PostgreSQL uses either."""

SORTS = ("Sort", "Incremental Sort")
EXPLAINED = re.compile(r"(--.*\n)*(SELECT|INSERT|UPDATE|WITH)\b")
UNASKED = ("set_config('app.user_id'", "typeinfo_tree")
"""The stamp of a connection, and the driver's own question about a type that is new to it."""


@dataclass(slots=True)
class Sent:
    """Statements with the parameters of their first use."""

    parameters: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def record(self, record: Any) -> None:
        """A query logger for asyncpg."""
        if EXPLAINED.match(record.query) and not any(own in record.query for own in UNASKED):
            self.parameters.setdefault(record.query, tuple(record.args))


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan: its nodes from the top, and the text that it is for."""

    statement: str
    mode: str
    root: dict[str, Any]

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Every node of the plan."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(node.get("Plans", ()))

    def scanned_whole(self, tables: Iterable[str]) -> set[str]:
        """Those of the tables that are read from end to end."""
        found = {node["Relation Name"] for node in self.nodes() if node["Node Type"] == "Seq Scan"}
        return found & set(tables)

    @property
    def sorted_rows(self) -> float:
        """How many rows the largest sort of the plan is expected to see."""
        return max((node["Plan Rows"] for node in self.nodes() if node["Node Type"] in SORTS), default=0)

    def __str__(self) -> str:
        return "\n".join([f"with {self.mode}", self.statement, *_lines(self.root, 0)])


def _lines(node: dict[str, Any], depth: int) -> Iterator[str]:
    shown = ("Relation Name", "Index Name", "Index Cond", "Filter", "Sort Key", "Recheck Cond")
    yield "  " * depth + " ".join([node["Node Type"], *(f"[{node[key]}]" for key in shown if key in node)])
    for below in node.get("Plans", ()):
        yield from _lines(below, depth + 1)


class Planner:
    """Asks for plans as one user, bound by row-level security."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def parameters(self, statement: str) -> list[str]:
        """The types of a statement's parameters."""
        prepared = await self._connection.prepare(statement)
        return [kind.name for kind in prepared.get_parameters()]

    async def plan(self, statement: str, parameters: tuple[Any, ...], mode: str, *, sorting: bool = True) -> Plan:
        """The plan of a statement in one of the `MODES`; without `sorting`, one that sorts only if it must."""
        types = await self.parameters(statement)
        values = [_literal(value, kind) for value, kind in zip(parameters, types, strict=True)]
        await self._connection.execute(
            f"SET plan_cache_mode = {mode}; SET enable_sort = {sorting}; SET enable_incremental_sort = {sorting}"
        )
        signature = f"({', '.join(types)})" if types else ""
        await self._connection.execute(f"PREPARE asked {signature} AS {statement}")
        try:
            call = f"EXECUTE asked({', '.join(values)})" if values else "EXECUTE asked"
            text = await self._connection.fetchval(f"EXPLAIN (FORMAT JSON) {call}")
        finally:
            await self._connection.execute("DEALLOCATE asked")
        return Plan(statement, mode, json.loads(text)[0]["Plan"])


@asynccontextmanager
async def planner_of(database: Database, user_id: str) -> Any:
    """A planner on a connection of the role that serves, stamped for a user."""
    connection = await asyncpg.connect(database.runtime_url, server_settings={"search_path": "parley"})
    try:
        await connection.execute("SELECT set_config('app.user_id', $1, false)", user_id)
        yield Planner(connection)
    finally:
        await connection.close()


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
