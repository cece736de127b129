"""Removal at full size, outside of the test suite. Prints what came of it.

    python -m tests.removal.long --messages 100000

First, a user empties a trash with so many messages, while others write to the same feed. Then an account with as many
is removed, and the gateway is killed in the middle.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg

from tests.faults.servers.process import GatewayProcess, gateway_in, signed_up
from tests.kit.derived import make_all
from tests.kit.rows import tables_naming
from tests.kit.serving import PASSWORD, Client

IN_A_LIST = 200
LARGEST = 0.5
"""The part of the messages that is in one conversation."""
WRITERS = 4
KILLS = 3


async def furnish(user: Client, messages: int, conversations: int = 50) -> list[str]:
    """Give a user one of everything and many messages, half of them in one conversation. Returns the conversations."""
    await make_all(user, "removed")
    ids = [(await user.make("createConversation", "conversation"))["id"] for _ in range(conversations)]
    for number in range(messages // IN_A_LIST):
        id = ids[0] if number < messages * LARGEST / IN_A_LIST else ids[number % conversations]
        item = {"conversationId": id, "role": "USER", "content": "Some words. " * 20}
        await user.mutate("addMessages", "messages { id }", items=[item] * IN_A_LIST)
    return ids


class Latencies:
    """How long writes of a user take, and the lock of the user's feed."""

    def __init__(self) -> None:
        self.writes: list[float] = []
        self.locks: list[float] = []

    def tell(self, phase: str) -> None:
        """Print the figures, and begin again."""
        for name, values in (("write", self.writes), ("lock of the feed", self.locks)):
            values.sort()
            p50, p99, most = (values[min(int(len(values) * part), len(values) - 1)] * 1000 for part in (0.5, 0.99, 1))
            print(f"{phase}: {name}: {len(values)}, p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {most:.0f} ms")
            values.clear()


@asynccontextmanager
async def measured(user: Client, gateway: GatewayProcess, writers: int) -> AsyncIterator[Latencies]:
    """Write for a user, and lock the user's feed, until the block ends."""
    seen, conversation = Latencies(), (await user.make("createConversation", "conversation"))["id"]
    stopped = asyncio.Event()

    async def write() -> None:
        while not stopped.is_set():
            began = time.monotonic()
            await user.make("addMessage", "message", conversationId=conversation, role="USER", content="x")
            seen.writes.append(time.monotonic() - began)
            await asyncio.sleep(0.02)

    async def lock() -> None:
        superuser = await gateway.connect()
        while not stopped.is_set():
            began = time.monotonic()
            await superuser.fetch("SELECT FROM parley.feeds WHERE user_id = $1 FOR UPDATE", user.user_id)
            seen.locks.append(time.monotonic() - began)
            await asyncio.sleep(0.01)
        await superuser.close()

    tasks = [asyncio.create_task(each) for each in (*(write() for _ in range(writers)), lock())]
    yield seen
    stopped.set()
    await asyncio.gather(*tasks)


async def empty_trash(user: Client, gateway: GatewayProcess, superuser: asyncpg.Connection, messages: int) -> None:
    """Empty a trash while others write."""
    for id in await furnish(user, messages):
        await user.make("deleteConversation", "conversation", id=id)
    print(f"made {messages} messages and deleted them", flush=True)
    async with measured(user, gateway, WRITERS) as seen:
        await asyncio.sleep(10)
        seen.tell("before")
        began = time.monotonic()
        payload = await user.mutate("emptyTrash", "removed isComplete job { id }")
        print(f"emptyTrash answered in {(time.monotonic() - began) * 1000:.0f} ms: {payload}", flush=True)
        status = "query($id: ID!) { job(id: $id) { status done } }"
        async with asyncio.timeout(3600):
            while (job := (await user.data(status, id=payload["job"]["id"]))["job"])["status"] != "DONE":  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        seconds = time.monotonic() - began
        seen.tell("while the trash was emptied")
    print(f"emptied in {seconds:.0f} s: {job}")
    left = await superuser.fetchval(
        "SELECT count(*) FROM messages WHERE user_id = $1 AND deleted_at IS NULL", user.user_id
    )
    purged = await superuser.fetchval("SELECT count(*) FROM purges WHERE user_id = $1", user.user_id)
    print(f"messages left: {left}, requests left: {purged}", flush=True)


async def remove_account(user: Client, gateway: GatewayProcess, messages: int) -> None:
    """Remove an account while its gateway is killed."""
    await furnish(user, messages)
    await user.mutate("deleteAccount", "user { purgeAt }", password=PASSWORD, graceDays=0)
    superuser = await gateway.connect()
    count = "SELECT count(*) FROM parley.messages WHERE user_id = $1"
    await superuser.execute(
        "INSERT INTO parley_work.pgqueuer (priority, status, entrypoint, dedupe_key, headers)"
        " VALUES (0, 'queued', 'purge_accounts', 'purge_accounts', '{}')"
    )
    began, kills, longest, left = time.monotonic(), 0, 0.0, messages
    while await superuser.fetchval("SELECT count(*) FROM parley.users WHERE user_id = $1", user.user_id):
        started = time.monotonic()
        await superuser.fetch("SELECT FROM parley.feeds WHERE user_id = $1 FOR UPDATE", user.user_id)
        longest = max(longest, time.monotonic() - started)
        await asyncio.sleep(0.01)
        now = await superuser.fetchval(count, user.user_id)
        if kills < KILLS and 0 < now < messages * (1 - (kills + 1) / (KILLS + 2)) and now < left:
            await superuser.close()
            await gateway.kill()
            kills += 1
            await gateway.start()
            superuser = await gateway.connect()
            print(
                f"killed with {now} messages left, {await superuser.fetchval(count, user.user_id)} after the start",
                flush=True,
            )
    await superuser.execute("SET search_path = parley")
    seconds, most = time.monotonic() - began, longest * 1000
    print(f"account removed in {seconds:.0f} s with {kills} kills; its feed was locked for {most:.0f} ms at most")
    print(f"tables that name the user: {await tables_naming(superuser, str(user.user_id))}", flush=True)
    await superuser.close()


async def run(messages: int) -> None:
    """Run both."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o711)  # noqa: ASYNC240 - if root runs this, the server runs as another account
        async with gateway_in(directory, {"PARLEY_WORK": "true"}) as gateway, aiohttp.ClientSession() as http:
            superuser = await gateway.connect()
            await superuser.execute("SET search_path = parley")
            await empty_trash(await signed_up(http, gateway), gateway, superuser, messages)
            await superuser.close()
            await remove_account(await signed_up(http, gateway), gateway, messages)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    asyncio.run(run(parser.parse_args().messages))


if __name__ == "__main__":
    main()
