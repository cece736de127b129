"""`parley keys list`, `rotate` and `drop`: the keys in the keys file."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import asyncpg

from gateway.auth.keyring import EncryptionKey, KeyFileError, add_encryption_key, drop_encryption_key, load, rotate
from gateway.config import Settings
from gateway.data.queries import sql
from gateway.data.server.opening import bring_up_to_date, reached_database
from gateway.telemetry.progress import bar, tell
from gateway.telemetry.table import aligned
from gateway.vault.rotation import CannotRotate, ask, keys_of_all, rewrap_all

HEADINGS = ("key-encryption key", "created", "wraps", "")


async def list_keys(settings: Settings) -> None:
    """Print the key-encryption keys of the file and of the database, newest first, and what each wraps."""
    encrypting = load(settings.signing_keys).encrypting
    async with reached_database(settings) as database, keys_of_all(database) as connection:
        known = {row["id"]: row for row in await ask(connection, sql.vault.rotation.count_by_key)}
    lines = [HEADINGS, *(_line(key, known.pop(key.id, None), key is encrypting[0]) for key in encrypting)]
    # What only the database knows. A dropped key that wraps nothing is history.
    lines += [
        (id, _day(row["created_at"]), f"{row['wraps']:,}", "not in the file")
        for id, row in known.items()
        if row["wraps"] or row["dropped_at"] is None
    ]
    sys.stdout.writelines(f"{line}\n" for line in aligned(lines))
    sys.stdout.flush()


def _line(key: EncryptionKey, row: asyncpg.Record | None, is_newest: bool) -> tuple[str, str, str, str]:
    made = None if key.made_at is None else datetime.datetime.fromtimestamp(key.made_at, datetime.UTC)
    note = "wraps new keys" if is_newest else ""
    if row is not None and row["dropped_at"] is not None:
        note = "dropped, but still in the file"
    return key.id, "-" if made is None else _day(made), f"{row['wraps'] if row else 0:,}", note


def _day(at: datetime.datetime) -> str:
    days = (datetime.datetime.now(datetime.UTC) - at).days
    return f"{at:%Y-%m-%d}, {days} day{'' if days == 1 else 's'} ago"


async def rotate_keys(settings: Settings, *, resume: bool) -> None:
    """Add a key-encryption key, unless `resume`, and wrap all data keys with the newest, while gateways serve.

    Raises a `Refusal` if the file cannot be changed, or a data key cannot be opened. After an interruption, run it
    again with `resume`.
    """
    path = settings.signing_keys
    async with reached_database(settings) as database:
        await bring_up_to_date(database)
        async with keys_of_all(database) as connection:
            if not resume:
                added = add_encryption_key(path).encrypting[0].id
                tell(f"Added the key-encryption key {added} to {path}. Back it up: parley backup includes it.")
            elif not load(path).encrypting:
                raise KeyFileError(f"{path} has no key-encryption key. Run: parley keys rotate")
            (others,) = await ask(connection, sql.vault.rotation.count_others, newest=load(path).encrypting[0].id)
            with bar("Wrapping data keys", others["number"]) as advance:
                done = await rewrap_all(connection, path, advance)
    tell(f"{done:,} data keys are wrapped by the newest key. To remove an older one: parley keys drop ID")


async def drop_key(settings: Settings, id: str) -> None:
    """Remove a key-encryption key from the file. Raises a `Refusal` if it still wraps a data key, or is the newest."""
    path = settings.signing_keys
    encrypting = load(path).encrypting
    if id not in {key.id for key in encrypting}:
        raise CannotRotate(f"{path} has no key-encryption key {id!r}. To list them: parley keys list")
    if id == encrypting[0].id:
        raise CannotRotate("This key wraps the data keys of new users. Add another one first: parley keys rotate")
    async with reached_database(settings) as database, keys_of_all(database) as connection:
        (row,) = await ask(connection, sql.vault.rotation.drop, id=id)
    if row["wraps"]:
        raise CannotRotate(f"This key still wraps {row['wraps']:,} data keys. Run: parley keys rotate --resume")
    drop_encryption_key(path, id)
    tell(
        f"Removed the key-encryption key {id} from {path}. Files that parley backup wrote before contain it. "
        "Any other backup from before needs a copy of the keys file that has it."
    )


def rotate_signing(path: Path) -> None:
    """Add a signing key. Raises `KeyFileError` if the file cannot be changed."""
    rotate(path)
    tell(f"Added a signing key to {path}. Restart all gateways now: until then, they refuse each other's new tokens.")
