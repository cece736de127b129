"""Users who own at least one row of every type, with a canary word in each text that nobody else may ever see."""

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

from gateway.work.afterwards import Afterwards
from tests.kit import derived, samples
from tests.kit.generated import Mutation
from tests.kit.rows import ids_in, rows_of, texts_in, unchanged
from tests.kit.serving import PASSWORD, Client, Serving

STORED = """
    INSERT INTO export_parts (user_id, job_id, position, file, content, size, done)
    SELECT user_id, id, 0, 'Message.jsonl', convert_to($2, 'UTF8'), 1, 1
    FROM jobs WHERE user_id = $1 AND kind <> 'export' LIMIT 1
"""
"""A part of an export, which only background work writes. A job of another kind has it, as an export may be running."""


@dataclass(slots=True)
class Estate:
    """A user and everything that they own."""

    client: Client
    canary: str
    """A word that is in each of the user's texts."""
    email: str
    ids: dict[str, list[str]] = field(default_factory=dict)
    """Ids by type."""
    states: dict[str, dict[str, str]] = field(default_factory=dict)
    """Ids by type and state, the default state first, for the types that a sample creates."""

    @property
    def known(self) -> dict[str, str]:
        """The id of one object of each type."""
        return {kind: ids[0] for kind, ids in self.ids.items()}

    async def begin(self, mutation: Mutation) -> dict[str, str]:
        """Input that names a new object in the state that the mutation begins from, if it begins from a certain one."""
        if mutation.name not in samples.begins():
            return {}
        name = "id" if "id" in mutation.ids else next(iter(mutation.ids))
        make = samples.new()[mutation.ids[name]]
        return {name: await make(self.client, self.known, samples.begins()[mutation.name])}

    def credentials(self, mutation: Mutation) -> dict[str, str]:
        """The user's address and password, as far as the mutation takes them."""
        own = {"email": self.email, "password": PASSWORD}
        return {name: value for name, value in own.items() if name in mutation.inputs and mutation.name != "signUp"}

    async def recorder(self, mutation: Mutation, serving: Serving) -> Afterwards | None:
        """What records wrong passwords, if the mutation takes one. A success clears the failures of other tests."""
        if "password" not in mutation.inputs:
            return None
        await serving.anonymous().mutate("signIn", "user { id }", email=self.email, password=PASSWORD)
        return serving.gateway.resources.afterwards

    @property
    def user_id(self) -> str:
        assert self.client.user_id is not None
        return self.client.user_id


@dataclass(slots=True)
class Scene:
    """A victim, and a stranger who owns the same kinds of objects."""

    victim: Estate
    stranger: Estate
    serving: Serving
    superuser: asyncpg.Connection

    @asynccontextmanager
    async def nothing_happens(self, *, tries_password: bool = False) -> AsyncIterator[None]:
        """Check that the block changes no row of the victim, but that the audit may tell of a wrong password."""
        afterwards = self.serving.gateway.resources.afterwards if tries_password else None
        async with unchanged(self.superuser, self.victim.user_id, afterwards=afterwards):
            yield

    def check_silent(self, answer: Any) -> None:
        """Check that a response contains no text of the victim and no internal error."""
        assert self.victim.canary not in json.dumps(answer), answer
        assert "INTERNAL" not in codes(answer), answer

    async def check_names_nothing(self, answer: Any) -> None:
        """Check that a response contains no id of the victim."""
        theirs = ids_in(await rows_of(self.superuser, self.victim.user_id))
        assert set(texts_in(answer)).isdisjoint(theirs), answer

    async def ids_of_the_stranger(self) -> set[str]:
        """The ids of all rows of the stranger."""
        return set(ids_in(await rows_of(self.superuser, self.stranger.user_id)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(serving: Serving, superuser: asyncpg.Connection) -> Scene:
    """A victim and a stranger for the module."""
    return Scene(await make_estate(serving, superuser), await make_estate(serving, superuser), serving, superuser)


def codes(answer: dict[str, Any]) -> list[str]:
    """The error codes of a response."""
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


async def make_estate(serving: Serving, superuser: asyncpg.Connection) -> Estate:
    """Sign up a user who owns something of every type."""
    canary = f"canary{secrets.token_hex(6)}"
    email = f"{canary}@example.org"
    client = await serving.signed_up(email=email, fullName=canary, deviceId=canary, deviceName=canary)
    estate = Estate(client, canary, email)
    await furnish(estate)
    await superuser.execute(STORED, estate.user_id, canary)
    await take_stock(estate, superuser)
    return estate


async def furnish(estate: Estate) -> None:
    """Create at least one object of every type through the API."""
    estate.states = (await derived.make_all(estate.client, estate.canary)).states


async def take_stock(estate: Estate, superuser: asyncpg.Connection) -> None:
    """Fill `estate.ids` with everything that the user owns, by the type that the API reports."""
    by_type = defaultdict(list)
    ids = ids_in(await rows_of(superuser, estate.user_id))
    for start in range(0, len(ids), 100):
        operation = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
        for node in (await estate.client.data(operation, ids=ids[start : start + 100]))["nodes"]:
            if node is not None:
                by_type[node["__typename"]].append(node["id"])
    # Oldest first, so the first message belongs to the first conversation.
    estate.ids = {name: sorted(ids) for name, ids in by_type.items()}
