"""Generated statements return nothing for the victim's id on a connection that is stamped for a stranger.

This is what would happen if the engine bound the wrong caller: the database alone must prevent it.
"""

from __future__ import annotations

import uuid

import asyncpg
import pytest

from gateway.data import statements
from gateway.data.clauses.order import Order
from gateway.data.entity import Entity
from gateway.data.statements import Source
from gateway.schema.build import domain_modules
from gateway.schema.declaration import orders
from tests.kit.estate import Estate, Scene
from tests.kit.runtime import REFUSALS, attempt, stamp, untouched


def entities() -> list[Entity]:
    """All entities of the schema whose rows belong to users."""
    declared = [item for module in domain_modules() for item in vars(module).values() if isinstance(item, type)]
    found = [vars(cls)["__entity__"] for cls in dict.fromkeys(declared) if "__entity__" in vars(cls)]
    return [entity for entity in found if not entity.is_reference]


def link_sources() -> list[tuple[Source, Order]]:
    """The sources of all links to several rows, each with an order that its table has."""
    by_name = {entity.name: entity for entity in entities()}
    links = [
        link
        for entity in entities()
        for link in entity.links.values()
        if link.shape in ("many", "page") and link.query is None
    ]
    targets = [(by_name[link.target], link) for link in links]
    return [
        (
            Source(target.table, link.by, target.deletable, link.through),
            target.total_order(orders(link.order or target.order)[0], through=link.through is not None),
        )
        for target, link in targets
    ]


def reading(entity: Entity) -> list[str]:
    """The statements that read an entity by id."""
    return [statements.by_key(entity.table, "id", entity.columns), statements.which_table((entity.table,))]


async def test_a_generated_statement_with_the_victims_id_gives_nothing(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene
) -> None:
    every = [uuid.UUID(id) for ids in scene.victim.ids.values() for id in ids]
    theirs = uuid.UUID(scene.victim.user_id)

    async def row_counts(user: Estate) -> dict[str, int]:
        await stamp(runtime, user.user_id)
        counted: dict[str, int] = {}
        for entity in entities():
            for text in reading(entity):
                counted[text] = len(await runtime.fetch(text, theirs, every))
        for source, order in link_sources():
            text = statements.page(source, order, False, (), None, ("id",))
            counted[text] = len(await runtime.fetch(text, theirs, every, 100))
            if source.through is None:
                text = statements.children(source, order, ("id",))
                counted[text] = len(await runtime.fetch(text, theirs, every))
            text = statements.count(source, ())
            counted[text] = sum(row["total"] for row in await runtime.fetch(text, theirs, every))
        return counted

    assert set((await row_counts(scene.stranger)).values()) == {0}
    assert all(number > 0 for text, number in (await row_counts(scene.victim)).items()), (
        "the test proves nothing if the victim has no row for each of these statements"
    )


async def test_a_generated_write_with_the_victims_id_does_nothing(
    superuser: asyncpg.Connection, runtime: asyncpg.Connection, scene: Scene
) -> None:
    await stamp(runtime, scene.stranger.user_id)
    theirs = uuid.UUID(scene.victim.user_id)
    async with untouched(superuser, runtime, scene.victim):
        for entity in entities():
            id = uuid.UUID(scene.victim.ids[entity.name][0])
            update = statements.update(entity.table, ("id",), "", ("id",))
            assert not await attempt(runtime, update, theirs, id, id), update
            insert = statements.insert(entity.table, ("id",), ("id",))
            with pytest.raises((*REFUSALS, asyncpg.NotNullViolationError)):
                async with runtime.transaction():
                    await runtime.fetch(insert, theirs, uuid.uuid4())
