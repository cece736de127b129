"""What a user owns: at least one row of every type, with a word in each text that must never reach anybody else."""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest_asyncio

from tests.kit import derived
from tests.kit.rows import ids_in, rows_of, unchanged
from tests.kit.serving import Client, Serving


@dataclass(slots=True)
class Estate:
    """A user and all that is theirs."""

    client: Client
    canary: str
    """A word that is in every text of theirs."""
    email: str
    ids: dict[str, list[str]] = field(default_factory=dict)
    """The ids of what they own, by type."""
    states: dict[str, dict[str, str]] = field(default_factory=dict)
    """The objects of a type by their states, the usual one first, where a sample makes them."""

    @property
    def known(self) -> dict[str, str]:
        """One object of each type."""
        return {kind: ids[0] for kind, ids in self.ids.items()}

    @property
    def user_id(self) -> str:
        assert self.client.user_id is not None
        return self.client.user_id


@dataclass(slots=True)
class Scene:
    """A victim, and a stranger who owns as much."""

    victim: Estate
    stranger: Estate
    serving: Serving
    superuser: asyncpg.Connection

    @asynccontextmanager
    async def nothing_happens(self) -> AsyncIterator[None]:
        """The block must leave each row of the victim as it is."""
        async with unchanged(self.superuser, self.victim.user_id):
            yield

    def check_silent(self, answer: Any) -> None:
        """The answer must hold nothing that the victim wrote, and be no failure of ours."""
        assert self.victim.canary not in json.dumps(answer), answer
        assert "INTERNAL" not in codes(answer), answer

    async def ids_of_the_stranger(self) -> set[str]:
        return set(ids_in(await rows_of(self.superuser, self.stranger.user_id)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(serving: Serving, superuser: asyncpg.Connection) -> Scene:
    """The victim and the stranger of a module."""
    return Scene(await make_estate(serving, superuser), await make_estate(serving, superuser), serving, superuser)


def codes(answer: dict[str, Any]) -> list[str]:
    """The codes of the errors of an answer."""
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


async def make_estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    """A new user who owns something of every type."""
    canary = f"canary{secrets.token_hex(6)}"
    email = f"{canary}@example.org"
    client = await serving.signed_up(email=email, fullName=canary, deviceId=canary, deviceName=canary)
    estate = Estate(client, canary, email)
    await furnish(estate)
    await take_stock(estate, superuser)
    return estate


async def furnish(estate: Estate) -> None:
    """Make at least one row of every type, through the API."""
    estate.states = (await derived.furnish(estate.client, estate.canary)).states


async def take_stock(estate: Estate, superuser: asyncpg.Connection) -> None:
    """Find all that the user owns, and what type the API says it is."""
    found = defaultdict(list)
    ids = ids_in(await rows_of(superuser, estate.user_id))
    for start in range(0, len(ids), 100):
        operation = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
        for node in (await estate.client.data(operation, ids=ids[start : start + 100]))["nodes"]:
            if node is not None:
                found[node["__typename"]].append(node["id"])
    # The oldest is the first, so the first message is one of the first conversation.
    estate.ids = {name: sorted(ids) for name, ids in found.items()}
