"""Secrets of rows: sealed as a mutation writes the row, and opened by what uses them. No field of the API returns one.

The migration adds the column with `add_secret()`, and the input of the type declares it with `secret()`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from gateway.data.clauses.secret import sealed_secret
from gateway.data.entity import entity_of
from gateway.data.queries import Query, sql
from gateway.data.rules import NEEDED
from gateway.data.writing import Statements
from gateway.errors import Invalid
from gateway.vault.sealing import Place
from gateway.vault.secret import Secret
from gateway.vault.vault import Vault

Details = Callable[[Statements, UUID], Awaitable[tuple[str, ...] | None]]


@dataclass(frozen=True, slots=True)
class SecretForm:
    """What a secret must look like. No rule of the database can check it, because the database never has it."""

    pattern: re.Pattern[str]
    reason: str

    def read(self, text: str, field: str, values: Mapping[str, Any] | None = None) -> Secret:
        """The secret in a field of an input. Raises `Invalid`, which does not quote it. `values` are as there."""
        if not self.pattern.fullmatch(text):
            raise Invalid(self.reason, field=field, values=values)
        return Secret(text)


def secret(pattern: str = r"(?s:[^\0]{1,1000})", reason: str = "A secret has 1 to 1000 characters.") -> Any:
    """Declare an attribute of an input as a secret that is written to the column of this name.

    `pattern` is a regular expression that the whole text must match, and `reason` the error for others.
    """
    return SecretForm(re.compile(pattern), reason)


@dataclass(frozen=True, slots=True)
class RowSecrets:
    """Secrets that a mutation writes to a row, by column."""

    vault: Vault
    by_column: Mapping[str, Secret]
    details: Details | None = None
    """Reads the further values of an existing row that its secrets are bound to; they are None if there is no such row.

    If the secrets of a type have details, whatever opens them names these, too.
    """

    @classmethod
    def taken(cls, vault: Vault, values: dict[str, Any], forms: Mapping[str, SecretForm]) -> RowSecrets | None:
        """Take the secrets out of the values of an input; None if it has none. Raises `Invalid`."""
        texts = {name: values.pop(name) for name in forms if name in values}
        for name in texts:
            if texts[name] is None:
                raise Invalid(NEEDED, field=name, values=values)
        found = {name: forms[name].read(text, name, values) for name, text in texts.items()}
        return cls(vault, found) if found else None

    async def fingerprints(self, db: Statements) -> list[str]:
        """Keyed hashes of the secrets, to recognise a repeated request."""
        return [await self.vault.fingerprint(db, each) for each in self.by_column.values()]

    async def sealed(
        self,
        db: Statements,
        cls: type,
        id: UUID,
        *,
        generations: Mapping[str, int] | None = None,
        details: tuple[str, ...] = (),
    ) -> dict[str, bytes]:
        """What to write to each column. `generations` are those that the row has; a new row has none.

        The statements before this one must be committed: it must not take the lock of the data key after the feed's.
        """
        table, before = entity_of(cls).table, generations or {}
        return {
            column: await self.vault.seal(
                db, secret, place_in(db, table, column, id, before.get(column, 0) + 1, details)
            )
            for column, secret in self.by_column.items()
        }


def place_in(
    db: Statements, table: str, column: str, id: UUID, generation: int, details: tuple[str, ...] = ()
) -> Place:
    """What a secret in a row of the caller is sealed for."""
    return Place(db.user_id, id, f"{table}.{column}", generation, details)


class Caller(Protocol):
    """Acts for a user: the context of an operation, or the work of a job."""

    @property
    def vault(self) -> Vault:
        """What opens the user's secrets."""

    def transaction(self) -> AbstractAsyncContextManager[Statements]:
        """Statements on behalf of the user."""


async def open_secret(caller: Caller, cls: type, column: str, id: UUID) -> Secret | None:
    """Open a secret of one of the user's objects; None if there is no such object, or if it is deleted.

    Await it before the secret is needed, and do not keep it. Raises `CannotOpen` if it was tampered with. Do not call
    it within a transaction of the same caller.
    """
    table = entity_of(cls).table
    query = Query(f"{table}.{column}", sealed_secret(table, column), ("user_id", "id"))
    async with caller.transaction() as db:
        row = await db.row(query, id=id)
        if row is None:
            return None
        return await caller.vault.open(db, row["sealed"], place_in(db, table, column, id, row["generation"]))


async def new_id(db: Statements) -> UUID:
    """An id for a new row. A secret is bound to it before the row is written."""
    row: Any = await db.row(sql.vault.secret.new_id)
    id: UUID = row["id"]
    return id
