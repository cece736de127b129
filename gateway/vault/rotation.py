"""Rotation of key-encryption keys: wraps the data keys of all users anew, while gateways use them.

A data key stays the same, so what it sealed stays as it is. Each batch is one statement, which leaves out the keys that
changed meanwhile. So a rotation that was interrupted goes on when it is run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from gateway.auth.keyring import load
from gateway.data.queries import Query, sql
from gateway.data.server.opening import OpenDatabase, owner_connection
from gateway.data.setup.roles import OWNER, SCHEMA
from gateway.refusal import Refusal
from gateway.vault.sealing import CannotOpen
from gateway.vault.wrapping import KeysFile, KeyWrapper, Wrapped

BATCH = 200


class CannotRotate(Refusal):
    """Data keys cannot be wrapped anew, or a key-encryption key is still needed."""


@asynccontextmanager
async def keys_of_all(database: OpenDatabase) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the owner that sees the data keys of all users."""
    async with owner_connection(database) as connection:
        await connection.execute(
            f"SET ROLE {OWNER}; SET search_path = {SCHEMA}; SELECT set_config('app.work', 'on', false)"
        )
        yield connection


async def rewrap_all(
    connection: asyncpg.Connection, path: Path, advance: Callable[[int], None] = lambda _: None
) -> int:
    """Wrap all data keys with the newest key in the file, and return how many were wrapped anew.

    `advance` is told how many of each batch were. Raises `CannotRotate` if some of them cannot be opened, after all
    others are done.
    """
    wrapper, newest = KeysFile(path), load(path).encrypting[0].id
    await ask(connection, sql.vault.rotation.register, id=newest)
    unreadable: Counter[str] = Counter()
    done, changed = 0, 1
    # Gateways may have wrapped with an older key meanwhile, so it looks again until there is none.
    while changed:
        changed, after_id = 0, UUID(int=0)
        unreadable.clear()
        while rows := await ask(connection, sql.vault.rotation.to_rewrap, newest=newest, after_id=after_id, most=BATCH):
            after_id = rows[-1]["user_id"]
            wrapped = await _rewrap(connection, wrapper, rows, newest, unreadable)
            changed += wrapped
            advance(wrapped)
        done += changed
    if unreadable:
        which = ", ".join(f"{number:,} of {key_id}" for key_id, number in sorted(unreadable.items()))
        raise CannotRotate(f"{done:,} data keys are wrapped anew. The keys in {path} do not open these: {which}.")
    return done


async def _rewrap(
    connection: asyncpg.Connection,
    wrapper: KeyWrapper,
    rows: Sequence[asyncpg.Record],
    newest: str,
    unreadable: Counter[str],
) -> int:
    """Wrap a batch anew, and return how many keys nobody else has changed meanwhile. Counts what cannot be opened."""
    owners, old, new = [], [], []
    for row in rows:
        try:
            key = await wrapper.unwrap(Wrapped(row["key_id"], row["wrapped"]), row["user_id"])
        except CannotOpen:
            unreadable[row["key_id"]] += 1
            continue
        again = await wrapper.wrap(key, row["user_id"])
        if again.key_id != newest:
            raise CannotRotate("Another rotation has begun. Run this one again when it has ended.")
        owners.append(row["user_id"])
        old.append(row["wrapped"])
        new.append(again.text)
    values = {"owners": owners, "old_wrapped": old, "newest": newest, "new_wrapped": new}
    (result,) = await ask(connection, sql.vault.rotation.rewrap, **values)
    changed: int = result["changed"]
    return changed


async def ask(connection: asyncpg.Connection, query: Query, **values: Any) -> list[asyncpg.Record]:
    """The rows of a query on nobody's behalf. Raises `CannotRotate` if the database is of an older version."""
    try:
        return list(await connection.fetch(query.text, *query.arguments(None, values)))
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedFunctionError) as error:
        raise CannotRotate("The database is of an older version. Run: parley migrate") from error
