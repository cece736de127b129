"""What a proposal costs that 200 rules decide: `python -m tests.bench.approvals`.

A real gateway is asked by one client, in rounds that take turns, so only the ratios count. They compare the time that
the client, the gateway and the database's backends spent on a processor, so that a busy machine does not matter. The
rules are all for the tool that is proposed, which no index can narrow: patterns of commands and paths, and a part of
them DENY and ASK.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.setup.migrate import migrate
from gateway.data.setup.roles import LOGIN
from tests.kit.database import Database
from tests.kit.serving import Client, Serving, serving_on

RULES = 200
ROUNDS = 40
EACH = 10

PROPOSE = """
mutation($input: ProposeToolExecutionInput!) {
    proposeToolExecution(input: $input) { toolExecution { id status approvalReason } userErrors { message } }
}
"""
RULE = """
mutation($input: CreateAutoApprovalRuleInput!) {
    createAutoApprovalRule(input: $input) { autoApprovalRule { id } userErrors { message } }
}
"""


async def main() -> None:
    """Measure, and print the medians and their ratios."""
    with tempfile.TemporaryDirectory(prefix="parley-approvals-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # noqa: ASYNC240 - nothing else runs yet
        opened = await EmbeddedDatabase.start(directory / "data", {})
        try:
            await migrate(opened.owner_url)
            database = Database("postgres", opened.owner_url, opened.url(LOGIN, urlsplit(opened.owner_url).path[1:]))
            async with serving_on(database, directory, log_level="error") as serving:
                await compare(serving, database)
        finally:
            await opened.stop()


async def compare(serving: Serving, database: Database) -> None:
    """Time proposals of users with different rules, who take turns."""
    people: dict[str, Callable[[], Awaitable[None]]] = {
        "no rules": await _person(serving, 0, "ALLOW", "PENDING"),
        "one rule": await _person(serving, 1, "ALLOW", "APPROVED"),
        f"{RULES} ALLOW rules, all of the tool, the last matches": await _person(serving, RULES, "ALLOW", "APPROVED"),
        f"{RULES} rules, a third each of DENY, ASK and ALLOW": await _person(serving, RULES, "MIXED", "APPROVED"),
        f"{RULES} rules, none matches": await _person(serving, RULES, "NONE", "PENDING"),
    }
    times: dict[str, list[float]] = {name: [] for name in people}
    watcher = await asyncpg.connect(database.owner_url)
    for _ in range(ROUNDS):
        for name, propose in people.items():
            begun = await _spent(watcher)
            for _ in range(EACH):
                await propose()
            times[name].append((await _spent(watcher) - begun) / EACH)
    await watcher.close()
    usual = statistics.median(times["no rules"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:56} {median * 1000:6.2f} ms {median / usual:5.2f}")


async def _spent(watcher: asyncpg.Connection) -> float:
    """The seconds on a processor of this process and of the backends of the database."""
    pids = await watcher.fetch("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
    files = [Path(f"/proc/{row['pid']}/schedstat") for row in pids]
    return time.process_time() + sum(int(file.read_text().split()[0]) for file in files if file.exists()) / 1e9


async def _person(serving: Serving, rules: int, effect: str, status: str) -> Callable[[], Awaitable[None]]:
    """A user with these rules; returns the function that proposes an execution, which must come to this status."""
    user = await serving.signed_up()
    free = {"requireApprovalForNewTools": False, "maxCostPerHourUsd": "1000000"}
    await user.make("updateAutoApprovalSettings", "autoApprovalSettings", "version", **free)
    conversation = (await user.make("createConversation", "conversation"))["id"]
    for n in range(rules):
        last = n == rules - 1 and effect != "NONE"
        pattern = "git status*" if last else (f"tool{n} run *", f"src/dir{n}/**/*.py", f"python script{n}.py *")[n % 3]
        of = ("DENY", "ASK", "ALLOW")[n // 3 % 3] if effect == "MIXED" and not last else "ALLOW"
        values = {"toolName": "bash", "effect": of, "arguments": {"/command": pattern}}
        await user.data(RULE, input=values)
    await _propose(user, conversation, status)
    return lambda: _propose(user, conversation, status)


async def _propose(user: Client, conversation: str, status: str) -> None:
    values = {
        "conversationId": conversation,
        "toolName": "bash",
        "parameters": {"command": "git status --short", "cwd": "/work"},
        "estimatedCostUsd": "0.01",
    }
    made = (await user.data(PROPOSE, input=values))["proposeToolExecution"]
    assert made["toolExecution"]["status"] == status, made


if __name__ == "__main__":
    asyncio.run(main())
