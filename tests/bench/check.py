"""Whether a server's answers are right, before anybody is measured on an error or an empty answer.

An answer is reduced to its rows: without the objects that only wrap others, times to the millisecond (Node knows no
finer), numbers written as text or not, enumerated values in capitals. What is left must be equal.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from tests.bench.client import check, connected
from tests.bench.data import Caller, DataSet
from tests.bench.servers import Server
from tests.bench.workloads import Workload

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*")
_ENUMERATED = frozenset({"role", "status"})


async def compare(servers: list[Server], workload: Workload, data: DataSet) -> int:
    """Raise `SystemExit` unless every server gives the rows that the first one gives; the size of Parley's answer."""
    size = 0
    for caller in (data.writers if workload.writes else data.readers)[:: len(data.readers) - 1]:
        wanted: Any = None
        for server in servers:
            body = await _answer(server, workload, caller)
            rows = reduced(orjson.loads(body))
            if workload.writes:
                await _require_written(data, server, caller, rows)
                rows = sorted(rows)
            _require_whole(server, workload, rows if not workload.writes else dict.fromkeys(rows, 1))
            wanted = rows if wanted is None else wanted
            if rows != wanted:
                path = next(_differences(wanted, rows, ""))
                raise SystemExit(
                    f"{server.kind.title}, {workload.title}: not the rows of {servers[0].kind.title}: {path}"
                )
            if server.kind.name == "parley":
                size = len(body)
    return size


async def _answer(server: Server, workload: Workload, caller: Caller) -> bytes:
    async with connected(server.url, 1) as (connection,):
        body = await connection.ask(server.kind.request(server.url, workload, caller, 1))
        check(connection.status, body)
        return body


def reduced(value: Any, name: str = "") -> Any:
    """The rows of an answer."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key != "userErrors"}
        if len(kept) == 1 and isinstance(only := next(iter(kept.values())), dict | list):
            return reduced(only)
        return {key: reduced(item, key) for key, item in kept.items()}
    if isinstance(value, list):
        return [reduced(item) for item in value]
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return Decimal(str(value)).normalize()
    if isinstance(value, str) and _TIME.fullmatch(value):
        return datetime.datetime.fromisoformat(value).astimezone(datetime.UTC).isoformat(timespec="milliseconds")
    return value.upper() if name in _ENUMERATED else value


def _require_whole(server: Server, workload: Workload, rows: Any) -> None:
    counts = Counter(_names(rows))
    for name, count in workload.expect.items():
        if counts[name] != count:
            raise SystemExit(f"{server.kind.title}, {workload.title}: {counts[name]} times {name!r}, not {count}")


async def _require_written(data: DataSet, server: Server, caller: Caller, row: dict[str, Any]) -> None:
    connection = await asyncpg.connect(data.database.owner_url)
    try:
        found = await connection.fetchrow(
            "SELECT user_id, seq, content FROM parley.messages WHERE id = $1", UUID(row["id"])
        )
    finally:
        await connection.close()
    if found is None or tuple(found) != (caller.user_id, int(row["seq"]), "Hello there"):
        raise SystemExit(f"{server.kind.title} did not write the message that it says it has written.")


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)


def _differences(wanted: Any, found: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(found, dict) and wanted.keys() == found.keys():
        for name, value in wanted.items():
            yield from _differences(value, found[name], f"{path}.{name}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, value in enumerate(wanted):
            yield from _differences(value, found[number], f"{path}[{number}]")
    elif wanted != found:
        yield f"{path or 'the answer'} is {str(found)[:300]}, not {str(wanted)[:300]}"
