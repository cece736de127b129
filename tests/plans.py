"""The plans that PostgreSQL makes for statements as the gateway sends them: prepared, by the role that serves."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tests.database import Database

MODES = ("force_generic_plan", "force_custom_plan")
"""The plan that serves any parameters, and the plan made for those of the call: PostgreSQL uses either."""

EXPLAINED = ("SELECT", "INSERT", "UPDATE", "WITH")


@dataclass(slots=True)
class Sent:
    """Statements with the parameters of their first use."""

    parameters: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def record(self, record: asyncpg.LoggedQuery) -> None:
        """A query logger for asyncpg."""
        if record.query.startswith(EXPLAINED) and not record.query.startswith("SELECT set_config('app.user_id'"):
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
    def sorts(self) -> bool:
        """Whether anything is sorted, instead of read in the order of an index."""
        return any(node["Node Type"] in ("Sort", "Incremental Sort") for node in self.nodes())

    def __str__(self) -> str:
        return f"{self.mode}:\n{self.statement}\n{json.dumps(self.root, indent=1)}"


class Planner:
    """Asks for plans as one user, bound by row-level security."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def plan(self, statement: str, parameters: tuple[Any, ...], mode: str) -> Plan:
        """The plan of a statement in one of the `MODES`."""
        prepared = await self._connection.prepare(statement)
        types = [kind.name for kind in prepared.get_parameters()]
        values = [_literal(value, kind) for value, kind in zip(parameters, types, strict=True)]
        await self._connection.execute(f"SET plan_cache_mode = {mode}")
        signature = f"({', '.join(types)})" if types else ""
        await self._connection.execute(f"PREPARE asked {signature} AS {statement}")
        try:
            call = f"EXECUTE asked({', '.join(values)})" if values else "EXECUTE asked"
            text = await self._connection.fetchval(f"EXPLAIN (FORMAT JSON, COSTS OFF) {call}")
        finally:
            await self._connection.execute("DEALLOCATE asked")
        return Plan(statement, mode, json.loads(text)[0]["Plan"])

    async def plans(self, sent: Sent) -> list[Plan]:
        """The plans of all statements, in both modes."""
        return [await self.plan(text, given, mode) for text, given in sent.parameters.items() for mode in MODES]


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
