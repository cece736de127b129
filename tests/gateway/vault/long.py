"""Rotation at full size, outside of the test suite. Prints what came of it.

python -m tests.gateway.vault.long --keys 10000 --clients 16
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from gateway.auth.keyring import load, load_or_create
from gateway.data.pool import Pool
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.setup.migrate import migrate
from tests.faults.chance import dice
from tests.gateway.vault.rotating import Users, rotate_while_used
from tests.kit.database import Database, data_directory


async def rotate_all(count: int, clients: int) -> None:
    """Rotate the key that wraps so many data keys, while clients use them."""
    with data_directory() as directory, tempfile.TemporaryDirectory() as keys:
        cluster = await EmbeddedDatabase.start(directory)
        try:
            await migrate(cluster.owner_url)
            database = Database("parley", cluster.owner_url, cluster.runtime_url)
            path = Path(keys) / "keys.json"
            load_or_create(path)
            pool = await Pool.open(database.runtime_url, size=8, wait_seconds=60)
            users, began = Users(database, path, pool, dice("long")), time.monotonic()
            before = await rotate_while_used(users, count, clients)
            await pool.close()
            print(
                f"{len(users.sealed):,} data keys were wrapped by {before} and are by {load(path).encrypting[0].id};"
                f" {users.opened:,} secrets were opened, all rightly; {time.monotonic() - began:.0f} s in all",
                flush=True,
            )
        finally:
            await cluster.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.gateway.vault.long", description=__doc__)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    asyncio.run(rotate_all(options.keys, options.clients))
