"""The hourly sum of automatic approvals holds, however many proposals come at once, and if a gateway is killed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.faults.servers.nodes import Nodes, nodes_in
from tests.kit.database import data_directory
from tests.kit.serving import Client, Statements

PROPOSALS = 100
COST = Decimal("0.3")
MOST = 33
"""How many of these costs the 10 dollars of an hour hold."""
STATUSES = """
SELECT status, count(*)::integer AS count, coalesce(sum(reserved_usd), 0) AS spent
FROM parley.tool_executions
WHERE user_id = $1
GROUP BY status
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nodes() -> AsyncIterator[Nodes]:
    """Three gateways with a PostgreSQL of their own."""
    with data_directory() as directory:
        async with nodes_in(directory, 3) as made:
            yield made


@pytest.mark.parametrize("killed", [False, True], ids=["all run", "one is killed"])
async def test_proposals_at_once_never_pass_the_hourly_sum(nodes: Nodes, killed: bool) -> None:
    await nodes.heal()
    user = await nodes.signed_up()
    await user.make("updateAutoApprovalSettings", "autoApprovalSettings", requireApprovalForNewTools=False)
    await user.make("createAutoApprovalRule", "autoApprovalRule", toolName="spend", effect="ALLOW")
    conversation = (await user.make("createConversation", "conversation"))["id"]
    urls = [node.process.url for node in nodes.all]
    victim = nodes.all[2].process
    answered = 0

    async def propose(n: int) -> str:
        nonlocal answered
        values: dict[str, Any] = {"id": str(uuid.uuid4()), "toolName": "spend", "estimatedCostUsd": str(COST)}
        for attempt in range(100):
            client = Client(user.http, urls[(n + attempt) % 3], Statements(), token=user.token)
            try:
                made = await client.make(
                    "proposeToolExecution", "toolExecution", "status", conversationId=conversation, **values
                )
            except (aiohttp.ClientError, OSError, TimeoutError):
                continue  # it may have been written: the same request tells
            answered += 1
            if killed and answered == 10:
                await victim.kill()
            status: str = made["status"]
            return status
        raise AssertionError("no gateway answers")

    statuses = await asyncio.gather(*(propose(n) for n in range(PROPOSALS)))
    assert (statuses.count("APPROVED"), statuses.count("PENDING")) == (MOST, PROPOSALS - MOST)
    connection = await nodes.connect()
    try:
        found = {row["status"]: row for row in await connection.fetch(STATUSES, uuid.UUID(user.user_id or ""))}
    finally:
        await connection.close()
    assert {status: row["count"] for status, row in found.items()} == {"approved": MOST, "pending": PROPOSALS - MOST}
    assert found["approved"]["spent"] == MOST * COST
    assert victim.runs is not killed
