"""Data keys of many users, used and made while the key-encryption key is rotated and the rotation is killed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import asyncpg

from gateway.data.driver.stamp import Stamp
from gateway.data.pool import Pool
from gateway.data.tenancy import Tenant
from gateway.data.writing import Statements
from gateway.vault.sealing import Place
from gateway.vault.secret import Secret
from gateway.vault.vault import Vault
from gateway.vault.wrapping import KeysFile
from tests.kit.database import Database

ROOT = Path(__file__).parents[3]
NEW_USERS = (
    "INSERT INTO parley.users (user_id, id, email) SELECT u, u, u || '@example.org' FROM unnest($1::uuid[]) AS u"
)


@dataclass(slots=True)
class Users:
    """Users of a database, and the sealed secrets of those who have one."""

    database: Database
    keys: Path
    pool: Pool
    chance: Random
    sealed: dict[UUID, bytes] = field(default_factory=dict)
    opened: int = 0

    async def add(self, count: int) -> Sequence[UUID]:
        """Add users without a data key."""
        made = [uuid4() for _ in range(count)]
        superuser = await asyncpg.connect(self.database.owner_url)
        try:
            await superuser.execute(NEW_USERS, made)
        finally:
            await superuser.close()
        return made

    @asynccontextmanager
    async def _statements(self, user_id: UUID) -> AsyncIterator[Statements]:
        tenant = Tenant(self.pool, Stamp(user_id, None, "system"), committed=lambda _: None)
        try:
            async with tenant.autocommit() as db:
                yield db
        finally:
            await tenant.close()

    async def seal(self, user_id: UUID) -> None:
        """Seal a secret of a user, by a process that knows nothing yet."""
        async with self._statements(user_id) as db:
            self.sealed[user_id] = await Vault(KeysFile(self.keys)).seal(db, Secret(str(user_id)), _place(user_id))

    async def open(self, user_id: UUID, vault: Vault | None = None) -> None:
        """Open the secret of a user."""
        async with self._statements(user_id) as db:
            vault = vault or Vault(KeysFile(self.keys))
            secret = await vault.open(db, self.sealed[user_id], _place(user_id))
        assert secret.reveal() == str(user_id)
        self.opened += 1

    async def use(self, new: list[UUID], done: asyncio.Event) -> None:
        """Open secrets, and give new users their first one, until it is done."""
        vault = Vault(KeysFile(self.keys), capacity=3)
        while not done.is_set():
            await self.open(self.chance.choice(list(self.sealed)), vault)
            if new and self.chance.random() < 0.2:
                await self.seal(new.pop())


def _place(user_id: UUID) -> Place:
    return Place(user_id, user_id, "test", 1)


async def keys_command(users: Users, *arguments: str) -> asyncio.subprocess.Process:
    """Start `parley keys`."""
    environment = {
        **os.environ,
        "PARLEY_DATABASE_URL": users.database.runtime_url,
        "PARLEY_OWNER_URL": users.database.owner_url,
        "PARLEY_SIGNING_KEYS": str(users.keys),
        "PARLEY_LOG_FORMAT": "json",
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "keys", *arguments),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def finished(users: Users, *arguments: str) -> tuple[int | None, str]:
    """The exit status and the output of `parley keys`."""
    process = await keys_command(users, *arguments)
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def rotate_while_used(users: Users, count: int, clients: int) -> str:
    """Rotate, kill the rotation in the middle, and finish it, while clients use and make keys.

    Returns the id of the key-encryption key that was the newest before.
    """
    async with asyncio.TaskGroup() as group:
        queue = list(await users.add(count))
        for _ in range(8):
            group.create_task(_seal_all(users, queue))
    before = next(iter(await _key_ids(users)))
    new, done = list(await users.add(max(20, count // 20))), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(users.use(new, done))
        process = await keys_command(users, "rotate")
        while process.returncode is None and len(await _key_ids(users)) == 1:
            await asyncio.wait([asyncio.create_task(process.wait())], timeout=0.02)
        if process.returncode is None:
            process.kill()
        await process.communicate()
        status, output = await finished(users, "rotate", "--resume")
        done.set()
    assert status == 0, output
    for user_id in users.sealed:
        await users.open(user_id)
    return before


async def _seal_all(users: Users, queue: list[UUID]) -> None:
    while queue:
        await users.seal(queue.pop())


async def _key_ids(users: Users) -> set[str]:
    superuser = await asyncpg.connect(users.database.owner_url)
    try:
        return {row["key_id"] for row in await superuser.fetch("SELECT DISTINCT key_id FROM parley.data_keys")}
    finally:
        await superuser.close()
