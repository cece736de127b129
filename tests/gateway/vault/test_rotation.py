"""Rotation of key-encryption keys, by the command, while others use the keys."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from gateway.auth.keyring import drop_encryption_key, load, load_or_create
from gateway.data.pool import Pool
from gateway.vault.sealing import CannotOpen
from gateway.vault.vault import Vault
from gateway.vault.wrapping import KeysFile
from tests.faults.chance import SCALE, dice
from tests.gateway.vault.rotating import Users, finished, rotate_while_used
from tests.kit.database import Database


@pytest_asyncio.fixture(loop_scope="module")
async def users(database: Database, tmp_path: Path) -> AsyncIterator[Users]:
    """A file of keys, and no data keys but those that it wraps."""
    load_or_create(tmp_path / "keys.json")
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("DELETE FROM parley.data_keys; DELETE FROM parley.key_encryption_keys")
    await owner.close()
    pool = await Pool.open(database.runtime_url, size=8, wait_seconds=60)
    yield Users(database, tmp_path / "keys.json", pool, dice("rotation"))
    await pool.close()


async def test_all_keys_are_wrapped_anew_while_clients_use_and_make_them(users: Users) -> None:
    before = await rotate_while_used(users, int(500 * SCALE), clients=16)
    newest = load(users.keys).encrypting[0].id
    assert newest != before
    status, listed = await finished(users, "list")
    assert status == 0
    assert [line.split()[0] for line in listed.splitlines() if newest in line or before in line] == [newest, before]
    assert f"{len(users.sealed):,}" in listed
    status, refused = await finished(users, "drop", newest)
    assert (status, "wraps the data keys of new users" in refused) == (1, True)
    status, output = await finished(users, "drop", before)
    assert (status, "parley backup wrote before contain it" in output) == (0, True), output
    assert [key.id for key in load(users.keys).encrypting] == [newest]
    for user_id in list(users.sealed)[:50]:
        await users.open(user_id)
    status, refused = await finished(users, "drop", before)
    assert (status, "has no key-encryption key" in refused) == (1, True)


async def test_a_key_that_still_wraps_something_is_not_dropped(users: Users) -> None:
    (user_id,) = await users.add(1)
    await users.seal(user_id)
    old = load(users.keys).encrypting[0].id
    status, output = await finished(users, "rotate")
    assert status == 0, output
    (late,) = await users.add(1)
    await users.seal(late)
    users.sealed.pop(late)
    owner = await asyncpg.connect(users.database.owner_url)
    try:
        assert await owner.fetchval("SELECT count(*) FROM parley.data_keys WHERE key_id = $1", old) == 0
        await owner.execute(
            "UPDATE parley.data_keys SET key_id = $1 WHERE user_id = $2", old, late
        )  # as a process that has not read the file since
        status, refused = await finished(users, "drop", old)
        assert status == 1
        assert "still wraps 1 data keys" in refused
        assert len(load(users.keys).encrypting) == 2
        await owner.execute("DELETE FROM parley.data_keys WHERE user_id = $1", late)
    finally:
        await owner.close()
    status, output = await finished(users, "drop", old)
    assert status == 0, output
    await users.open(user_id)


async def test_a_process_with_an_old_file_cannot_wrap_with_a_dropped_key(
    users: Users, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_file = tmp_path / "old.json"
    old_file.write_bytes(users.keys.read_bytes())
    old_file.chmod(0o600)
    old = load(users.keys).encrypting[0].id
    await finished(users, "rotate")
    status, output = await finished(users, "drop", old)
    assert status == 0, output
    (user_id,) = await users.add(1)
    behind = Users(users.database, old_file, users.pool, users.chance)
    with pytest.raises(Exception, match="Secrets cannot be stored"):
        await behind.seal(user_id)
    await users.seal(user_id)
    await users.open(user_id)


async def test_a_process_reads_the_file_again_for_a_key_that_it_does_not_know(users: Users) -> None:
    vault = Vault(KeysFile(users.keys), capacity=0)
    (user_id,) = await users.add(1)
    await users.seal(user_id)
    await users.open(user_id, vault)
    for _ in range(2):  # the second time, just after the file was read
        await finished(users, "rotate")
        await users.open(user_id, vault)


async def test_a_destroyed_data_key_takes_all_secrets_with_it(users: Users) -> None:
    """At once in the database, and after five minutes in a process that has used it."""
    now = [0.0]
    vault = Vault(KeysFile(users.keys), clock=lambda: now[0])
    (user_id,) = await users.add(1)
    await users.seal(user_id)
    await users.open(user_id, vault)
    owner = await asyncpg.connect(users.database.owner_url)
    await owner.execute("DELETE FROM parley.data_keys WHERE user_id = $1", user_id)
    await owner.close()
    with pytest.raises(CannotOpen):
        await users.open(user_id)
    now[0] = 299.0
    await users.open(user_id, vault)
    now[0] = 301.0
    with pytest.raises(CannotOpen):
        await users.open(user_id, vault)


async def test_a_sealed_text_of_another_user_does_not_open(users: Users) -> None:
    one, other = await users.add(2)
    await users.seal(one)
    await users.seal(other)
    users.sealed[one], users.sealed[other] = users.sealed[other], users.sealed[one]
    for user_id in (one, other):
        with pytest.raises(CannotOpen):
            await users.open(user_id)


async def test_a_wrapped_data_key_of_another_user_does_not_open(users: Users) -> None:
    one, other = await users.add(2)
    await users.seal(one)
    await users.seal(other)
    swap = (
        "UPDATE parley.data_keys AS k SET wrapped = o.wrapped FROM parley.data_keys AS o"
        " WHERE k.user_id = ANY ($1) AND o.user_id = ANY ($1) AND o.user_id <> k.user_id"
    )
    owner = await asyncpg.connect(users.database.owner_url)
    await owner.execute(swap, [one, other])
    await owner.close()
    for user_id in (one, other):
        with pytest.raises(CannotOpen):
            await users.open(user_id)


async def test_without_its_key_nothing_opens_and_doctor_and_rotate_say_so(users: Users) -> None:
    (user_id,) = await users.add(1)
    await users.seal(user_id)
    lost = load(users.keys).encrypting[0].id
    await finished(users, "rotate")
    (other,) = await users.add(1)
    await users.seal(other)
    owner = await asyncpg.connect(users.database.owner_url)
    try:
        await owner.execute("UPDATE parley.data_keys SET key_id = 'lost' WHERE user_id = $1", user_id)
    except asyncpg.ForeignKeyViolationError:
        await owner.execute("INSERT INTO parley.key_encryption_keys (id) VALUES ('lost')")
        await owner.execute("UPDATE parley.data_keys SET key_id = 'lost' WHERE user_id = $1", user_id)
    finally:
        await owner.close()
    drop_encryption_key(users.keys, lost)
    with pytest.raises(CannotOpen, match="lost"):
        await users.open(user_id)
    await users.open(other)
    status, output = await finished(users, "rotate", "--resume")
    assert status == 1
    assert "of lost" in output


async def test_the_signing_key_is_rotated_by_the_command(users: Users) -> None:
    before = json.loads(users.keys.read_text())["keys"]
    status, output = await finished(users, "rotate", "--signing")
    assert (status, "Restart all gateways" in output) == (0, True)
    after = json.loads(users.keys.read_text())["keys"]
    assert len(after) == len(before) + 1
    assert [key for key in after if key["kty"] == "oct"] == [key for key in before if key["kty"] == "oct"]
