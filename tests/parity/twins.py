"""Two users who own the same, so that mutations can be run on each in another way and compared."""

from __future__ import annotations

import functools
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from graphql import GraphQLNamedType

from gateway.execution.prepare.request import OperationRequest
from tests.kit.generated import mutations
from tests.kit.rows import Rows
from tests.kit.schema import graphql_schema
from tests.parity.comparison import Outcome
from tests.parity.generation.choices import Choices
from tests.parity.known import kinds_named, plain
from tests.parity.served_user import ServedUser


@functools.cache
def kinds() -> tuple[str, ...]:
    """What mutations are about."""
    named = {kind for mutation in mutations(graphql_schema()) for kind in mutation.ids.values()}
    return tuple(sorted(named))


PLACEHOLDER = re.compile(r"@(\w+?)(\d+)@")
_OF_EACH_ALONE = {"logins", "sessions", "data_keys", "sealed_secrets"}
"""Tables that hold secrets."""

_UNLIKE = ("execution_time_ms", "total_ms", "request_hash", "hash", "last_four")
"""Columns that time was measured for, or that come of a secret."""

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d(?::\d\d)?)")
_VERSION = re.compile(r"(?<=at version )\d+")


def leaf(choices: Choices, name: str, of: GraphQLNamedType) -> Any:
    """A value that means the same to both: an id stands as a placeholder for each one's own."""
    if of.name == "ID":
        kind = choices.one_of((*(kinds_named(name, kinds()) or kinds()) * 2, "New"))
        return f"@{kind}{choices.below(6)}@"
    if of.name == "Int" and name in ("first", "last"):
        return choices.below(6)
    if of.name == "String":
        return choices.one_of(("text", "other text", "text", "ünï", ""))
    return plain(choices, name, of)


VERSIONS = """
SELECT version, min(version) OVER (PARTITION BY xmin::text, entity, op) AS first
FROM changes
WHERE user_id = $1
"""


def comparable(value: Any, versions: Mapping[int, int]) -> Any:
    """A part of an answer, with each version as the first of those that either twin may have given instead."""
    match value:
        case dict():
            return {name: comparable(each, versions) for name, each in value.items()}
        case list():
            return [comparable(each, versions) for each in value]
        case str():
            return _VERSION.sub(lambda found: str(versions.get(int(found[0]), found[0])), value)
        case bool():
            return value
        case int():
            return versions.get(value, value)
    return value


@dataclass(slots=True)
class Twin:
    """One of the two, with names for what is theirs alone."""

    served: ServedUser
    names: dict[str, str] = field(default_factory=dict)

    def own(self, request: OperationRequest) -> OperationRequest:
        """The request with this one's ids in place of the placeholders."""
        variables = PLACEHOLDER.sub(self._id, json.dumps(request.variables))
        return request._replace(query=PLACEHOLDER.sub(self._id, request.query), variables=json.loads(variables))

    def _id(self, found: re.Match[str]) -> str:
        kind, number = found[1], int(found[2])
        if kind == "New":
            return str(uuid.uuid5(uuid.UUID(self.served.estate.user_id), found[0]))
        ids = self.served.estate.ids[kind]
        return ids[number % len(ids)]

    def told(self, outcome: Outcome) -> tuple[Any, list[str]]:
        """An outcome without what differs between the two: ids by the order in which they came, no times."""
        failures = [self._common(json.dumps([*failure.path, failure.message])) for failure in outcome.failures]
        return json.loads(self._common(outcome.data)), failures

    def _common(self, text: str) -> str:
        known = text.replace(self.served.estate.canary, "canary")
        named = _ID.sub(lambda found: self.names.setdefault(found[0], f"id {len(self.names)}"), known)
        return _TIME.sub("time", named)

    async def versions(self, superuser: asyncpg.Connection) -> dict[int, int]:
        """The first of the versions that a transaction gave to changes of one kind, for each of them.

        A statement that deletes or restores several rows takes them as they lie in the table, which differs between
        the two. So any of the rows may have any of these versions.
        """
        found = await superuser.fetch(VERSIONS, uuid.UUID(self.served.estate.user_id))
        return {row["version"]: row["first"] for row in found}

    def rows(self, rows: Rows, versions: Mapping[int, int]) -> dict[str, list[str]]:
        """All rows, without what differs between the two."""
        return {
            table: sorted(self._row(row, versions) for row in found)
            for table, found in rows.items()
            if table not in _OF_EACH_ALONE
        }

    def _row(self, row: dict[str, Any], versions: Mapping[int, int]) -> str:
        kept = {name: value for name, value in row.items() if name not in _UNLIKE}
        if "version" in kept:
            kept["version"] = versions[kept["version"]]
        canary = self.served.estate.canary
        text = json.dumps(kept, sort_keys=True).replace(canary, "canary").replace(canary.encode().hex(), "canary")
        return _TIME.sub("time", _ID.sub("id", text))
