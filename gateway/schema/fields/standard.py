"""Conventional fields: what a plain table gets from one call.

    standard(Note, input=NoteInput, scope="personal:write")

gives `note(id)`, `createNote`, `updateNote`, `deleteNote`, `restoreNote` and the subscription `noteChanged`. A list of
notes is a `page` link at their parent. Every create takes the client's id and may be retried; every update takes the
version that it expects. Entities without `deleted_at` get neither delete nor restore. A field with a rule of its own is
written out in its module instead: name it in `without`.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from strawberry.utils.str_converters import to_snake_case

from gateway.auth.scope import Scope
from gateway.data.entity import Link, entity_of
from gateway.errors import Invalid
from gateway.schema.fields.changed import changed
from gateway.schema.fields.idempotent import create
from gateway.schema.fields.inputs import input_of, secret_forms, values_of
from gateway.schema.fields.root import lookup, mutation
from gateway.schema.fields.versioned import change, expected_version, set_deleted
from gateway.schema.objects.entity import id_of
from gateway.schema.types import describe
from gateway.schema.types.argument import ById
from gateway.schema.types.scalars import BigInt
from gateway.schema.types.wrong_declaration import WrongDeclaration
from gateway.vault.row_secrets import RowSecrets

T = TypeVar("T")

_ID = "The id of the new object, a UUID. Sent again with the same values, nothing new is created."
_EXPECTED = "The `version` that the object must have; otherwise nothing changes. Defaults to any version."


def standard(
    cls: type,
    *,
    input: type = object,
    without: Collection[str] = (),
    within: str = "",
    scope: Scope | None = None,
) -> None:
    """Give an entity its conventional fields.

    `input` is the class of the fields that a client may set. It may be omitted if there is no create and no update.

    `without` names those that it does not get: one, create, update, delete, restore, changed. What each user has one of
    gets only `update`, without an id, and `changed`. `within` names the table of the parents, so that a subscription
    can be narrowed to one parent. The entity needs a link to that table, and the feed's trigger must carry the link's
    key. `scope` is what an agent's token needs to call the mutations; `person` refuses all agents.
    """
    makers = {"one": _one, "create": _create, "update": _update}
    if entity_of(cls).one_per_user:
        makers = {"update": _update}
    elif entity_of(cls).deletable:
        makers |= {"delete": _delete, "restore": _restore} if entity_of(cls).restorable else {"delete": _delete}
    wanted = {name: make for name, make in makers.items() if name not in without}
    if input is object and wanted.keys() & {"create", "update"}:
        raise WrongDeclaration(
            f"{cls.__name__} has no input. Write: standard({cls.__name__}, input={cls.__name__}Input), or without="
            '("create", "update")'
        )
    secrets = secret_forms(input)
    set_by_clients = tuple(typing.get_type_hints(input)) if input is not object else ()
    entity_of(cls).inputs.update({name: set_by_clients for name in ("create", "update") if name in wanted})
    entity_of(cls).secrets.update(secrets)
    if secrets and (entity_of(cls).restorable or not entity_of(cls).deletable):
        raise WrongDeclaration(
            f"{cls.__name__} has a secret, which is destroyed when it is deleted. Declare `deleted_at`, and write "
            f'@entity("{entity_of(cls).table}", restorable=False).'
        )
    if scope is None and wanted.keys() - {"one"}:
        raise WrongDeclaration(f'{cls.__name__} has mutations. Say who may call them: standard(…, scope="person")')
    made = [make(cls, input, scope) for make in wanted.values()]
    cls.__standard__ = Standard(input, made, within, "changed" not in without)  # type: ignore[attr-defined]


@dataclass(slots=True)
class Standard:
    """The conventional fields of an entity, as they were declared."""

    input: type
    functions: list[Callable[..., Any]]
    within: str
    lacks_subscription: bool
    """Whether its subscription is still to be made, which is done once all types are known."""


def functions_of(cls: type, entities: Mapping[str, type]) -> list[Callable[..., Any]]:
    """The conventional root fields of an entity. `entities` are all entities by name."""
    made: Standard | None = getattr(cls, "__standard__", None)
    if made is None:
        return []
    if made.lacks_subscription:
        made.functions.append(changed(cls, parent_of(cls, made.within, entities)))
        made.lacks_subscription = False
    return made.functions


def parent_of(cls: type, table: str, entities: Mapping[str, type]) -> tuple[Link, type] | None:
    """The link from an entity to the table of its parents, and their type. Raises `WrongDeclaration`."""
    if not table:
        return None
    links = [link for link in entity_of(cls).links.values() if link.shape in ("one", "maybe") and link.by == "id"]
    found = [(link, to) for link in links if (to := entities.get(link.target)) and entity_of(to).table == table]
    if len(found) != 1:
        raise WrongDeclaration(
            f"{cls.__name__} is declared within={table!r}, but it has {len(found) or 'no'} links to that table. "
            'Give it one, such as: notebook = one("Notebook", key="notebook_id")'
        )
    return found[0]


def _a(cls: type) -> str:
    return describe.with_article(describe.words(cls))


def _one(cls: type, input: type, scope: Scope | None) -> Callable[..., Any]:
    def key(context: Any, id: Any) -> UUID:
        return id_of(id)

    several = describe.plural(describe.words(cls))
    text = f"One of the caller's {several}, by id. Includes deleted ones; null if there is none."
    return lookup(cls)(_function(key, to_snake_case(cls.__name__), text, id=ById, returns=UUID))  # type: ignore[no-any-return]


def _create(cls: type, input: type, scope: Scope | None) -> Callable[..., Any]:
    forms = secret_forms(input)

    async def make(info: Any, input: Any) -> Any:
        values = values_of(input)
        secrets = RowSecrets.taken(info.context.vault, values, forms) if forms else None
        async with info.context.autocommit() as db:
            return await create(db, cls, values, secrets=secrets)

    taken = input_of(
        f"Create{cls.__name__}Input",
        f"The values of a new {describe.words(cls)}. Omitted fields take their defaults.",
        input,
        {"id": (strawberry.ID | None, _ID)},
    )
    text = f"Create {_a(cls)}. Sent again with the same id and values, it returns the same object."
    name = f"create_{to_snake_case(cls.__name__)}"
    return mutation(scope=scope)(_function(make, name, text, input=taken, returns=cls))


def _update(cls: type, input: type, scope: Scope | None) -> Callable[..., Any]:
    entity, forms = entity_of(cls), secret_forms(input)
    guard = {"deleted_at": None} if entity.deletable else {}
    whose = f"the caller's {describe.words(cls)}" if entity.one_per_user else _a(cls)
    restored = " A deleted one must be restored first." if entity.in_trash and not entity.one_per_user else ""
    first: dict[str, tuple[Any, str]] = {} if entity.one_per_user else {"id": (strawberry.ID, _named(cls))}

    async def edit(info: Any, input: Any) -> Any:
        values = values_of(input, without=("expected_version",), nulls=True)
        id = values.pop("id", None)
        if not values:
            raise Invalid("Set at least one value to change.")
        secrets = RowSecrets.taken(info.context.vault, values, forms) if forms else None
        async with info.context.autocommit() as db:
            return await change(db, cls, id, values, expected=expected_version(input), guard=guard, secrets=secrets)

    taken = input_of(
        f"Update{cls.__name__}Input",
        f"Changes to {whose}. Omitted fields keep their values; null clears or resets a field.",
        input,
        {**first, "expected_version": (BigInt | None, _EXPECTED)},
        optional=True,
    )
    name = f"update_{to_snake_case(cls.__name__)}"
    function = _function(edit, name, f"Update {whose}.{restored}", input=taken, returns=cls)
    return mutation(scope=scope, existing=True)(function)


def _delete(cls: type, input: type, scope: Scope | None) -> Callable[..., Any]:
    can = "can" if entity_of(cls).restorable else "cannot"
    text = f"Delete {_a(cls)}. It {can} be restored. If it is already deleted, it is returned unchanged."
    return _mark_deleted(cls, "delete", text, scope)


def _restore(cls: type, input: type, scope: Scope | None) -> Callable[..., Any]:
    text = f"Restore a deleted {describe.words(cls)}. If it is not deleted, it is returned unchanged."
    return _mark_deleted(cls, "restore", text, scope)


def _mark_deleted(cls: type, verb: str, text: str, scope: Scope | None) -> Callable[..., Any]:
    async def mark(info: Any, input: Any) -> Any:
        async with info.context.autocommit() as db:
            return await set_deleted(db, cls, input, deleted=verb == "delete")

    taken = input_of(
        f"{verb.title()}{cls.__name__}Input",
        f"The {describe.words(cls)} to {verb}, and optionally the version it must have.",
        object,
        {"id": (strawberry.ID, _named(cls)), "expected_version": (BigInt | None, _EXPECTED)},
    )
    name = f"{verb}_{to_snake_case(cls.__name__)}"
    return mutation(scope=scope, existing=True)(_function(mark, name, text, input=taken, returns=cls))


def _named(cls: type) -> str:
    return f"The id of the {describe.words(cls)}, a UUID."


def _function(body: Callable[..., Any], name: str, text: str, *, returns: Any, **arguments: Any) -> Callable[..., Any]:
    body.__name__ = body.__qualname__ = name
    body.__doc__ = text
    body.__annotations__ = {"info": strawberry.Info, **arguments, "return": returns}
    return body
