"""Many to many: the mutations that change what objects are joined to, once for all types that have such a list.

    tags = page("Tag", through=Through("note_tags", "note_id", "tag_id", deletable=True), order="created_at")

in `Note`, and the same in other types, is what clients read. In the module of `Tag`,

    joined(Tag, name="tags", scope="personal:write")

makes `addTags`, `removeTags` and `setTags` for all of them. The migration of each calls `join_table()`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

import strawberry
from strawberry.utils.str_converters import to_camel_case, to_snake_case

from gateway.auth.scope import Scope
from gateway.data import statements
from gateway.data.batches import ByKey, Children
from gateway.data.entity import Entity, Link, entity_of
from gateway.data.statements import Source, Through
from gateway.errors import Conflict, Invalid, NotFound, ParleyError, Refused
from gateway.schema.fields.inputs import input_of
from gateway.schema.fields.root import mutation
from gateway.schema.objects.entity import Node, id_of
from gateway.schema.types import describe
from gateway.schema.types.wrong_declaration import WrongDeclaration

How = Literal["add", "remove", "set"]

MOST_JOINED = 100
"""How many ids a mutation takes."""

_DOES: Mapping[How, str] = {
    "add": "Add {these} to an object, after those that it has. Those that it has already stay where they are.",
    "remove": "Remove {these} from an object. Those that it does not have are ignored. The {these} themselves stay.",
    "set": "Make these the only {these} of an object. Those that it has already stay where they are, and new ones come "
    "after them. An empty list removes all.",
}


def joined(cls: type, *, name: str, scope: Scope) -> None:
    """Give an entity the mutations that change lists of it, which links of this name show, through join tables.

    `scope` is what an agent's token needs to call them.
    """
    cls.__joined__ = {**_scopes(cls), name: scope}  # type: ignore[attr-defined]


def functions_of(cls: type, entities: Mapping[str, type]) -> list[Callable[..., Any]]:
    """These mutations. `entities` are all entities by name. Raises `WrongDeclaration` if there is no such link."""
    made = [_Joined(cls, name, scope, _sides(cls, name, entities)) for name, scope in _scopes(cls).items()]
    return [function for each in made for function in each.functions()]


def _scopes(cls: type) -> dict[str, Scope]:
    """The scope of the mutations of each name."""
    scopes: dict[str, Scope] = vars(cls).get("__joined__", {})
    return scopes


@dataclass(frozen=True, slots=True)
class _Side:
    """A type whose objects have such a list."""

    cls: type
    entity: Entity
    link: Link
    through: Through


def _sides(cls: type, name: str, entities: Mapping[str, type]) -> dict[str, _Side]:
    """The types that have the list, by table."""
    found: dict[str, _Side] = {}
    for other in entities.values():
        link = entity_of(other).links.get(name)
        if link is not None and link.target == cls.__name__ and link.through is not None:
            found[entity_of(other).table] = _Side(other, entity_of(other), link, link.through)
            entity_of(other).changed_lists.add(name)
    if not found:
        raise WrongDeclaration(
            f"joined({cls.__name__}, name={name!r}) makes mutations for the types that have a list {name} of "
            f"{cls.__name__} through a join table, but none has. Give one to a type: "
            f'{name} = page("{cls.__name__}", through=Through(…))'
        )
    return found


@dataclass(frozen=True, slots=True)
class _Joined:
    """The mutations of one name."""

    cls: type
    name: str
    scope: Scope
    sides: Mapping[str, _Side]

    @property
    def these(self) -> str:
        """What the list contains, such as `tags`."""
        return describe.plural(describe.words(self.cls))

    @property
    def ids(self) -> str:
        """The field of the input that names them."""
        return f"{to_snake_case(self.cls.__name__)}_ids"

    def functions(self) -> list[Callable[..., Any]]:
        result = self._result()
        return [self._function(how, result) for how in _DOES]

    def _function(self, how: How, result: type) -> Callable[..., Any]:
        async def change(info: Any, input: Any) -> Any:
            context, id, others = info.context, id_of(input.id), self._others(getattr(input, self.ids))
            side = await self._side(context, id)
            async with context.autocommit() as db:
                found = await db.join(side.through, id, others, how)
            errors = self._errors(side, found["is_deleted"], found["missing"])
            shown = None if found["is_deleted"] is None or found["missing"] else await self._shown(info, side, id)
            current = None if shown is None else result(**shown)
            if errors:
                raise Refused(errors, current=current)
            return current

        change.__name__ = change.__qualname__ = f"{how}_{self.name}"
        change.__doc__ = f"{_DOES[how].format(these=self.these)} Sent again, it changes nothing."
        change.__annotations__ = {"info": strawberry.Info, "input": self._input(how), "return": result}
        return mutation(scope=self.scope, existing=True)(change)

    def _input(self, how: How) -> type:
        kinds = sorted(describe.with_article(describe.words(side.cls)) for side in self.sides.values())
        title = to_camel_case(f"{how}_{self.name}")
        return input_of(
            f"{title[:1].upper()}{title[1:]}Input",
            f"An object, and the {self.these} to {how}.",
            object,
            {
                "id": (strawberry.ID, f"The id of the object, a UUID: of {_either(kinds)}."),
                self.ids: (list[strawberry.ID], f"The ids of the {self.these}, at most {MOST_JOINED}, each a UUID."),
            },
        )

    def _result(self) -> type:
        """The payload class: the object, and all that it is joined to now."""

        def field(name: str, of: Any, text: str) -> tuple[str, Any, Any]:
            return name, of, dataclasses.field(metadata={"description": text})

        made: type = dataclasses.make_dataclass(
            "Joined",
            [
                field("node", Node, "The object in its current state; null if there is none to return."),
                field(
                    self.name,
                    list[self.cls],  # type: ignore[name-defined]
                    f"All {self.these} that the object has now, in its order; null if there is no object to return.",
                ),
            ],
            frozen=True,
            kw_only=True,
        )
        made.__payload__ = True  # type: ignore[attr-defined]
        return made

    def _others(self, ids: Sequence[str]) -> list[UUID]:
        if len(ids) > MOST_JOINED:
            raise Invalid(f"At most {MOST_JOINED} {self.these} are allowed, not {len(ids)}.", field=self.ids)
        found, errors = list[UUID](), list[ParleyError]()
        for index, id in enumerate(ids):
            try:
                found.append(id_of(id, self.ids, str(index)))
            except Invalid as mistake:
                errors.append(mistake)
        if errors:
            raise Refused(errors)
        return found

    async def _side(self, context: Any, id: UUID) -> _Side:
        """The type of the object, or any if there is no such object. A single type needs no statement to find it."""
        first = next(iter(self.sides.values()))
        if len(self.sides) == 1:
            return first
        rows = await context.tenant.fetch(statements.which_table(tuple(self.sides), one=True), id)
        return self.sides[rows[0]["entity"]] if rows else first

    def _errors(self, side: _Side, is_deleted: bool | None, missing: Sequence[int]) -> list[ParleyError]:
        noun, other = describe.words(side.cls), describe.words(self.cls)
        errors: list[ParleyError] = []
        if is_deleted is None:
            errors.append(NotFound(f"There is no such {noun if len(self.sides) == 1 else 'object'}.", field="id"))
        elif is_deleted:
            errors.append(Conflict(f"This {noun} is deleted.", field="id"))
        errors += [NotFound(f"There is no such {other}.", field=(self.ids, str(index))) for index in missing]
        return errors

    async def _shown(self, info: Any, side: _Side, id: UUID) -> dict[str, Any]:
        """What the operation asks for of the object and its list."""
        context, shown = info.context, dict[str, Any](node=None)
        if context.asks_for(info, "node"):
            columns = context.columns(info, side.entity, "node")
            rows = await ByKey(side.entity.table, "id", columns, side.entity.record).load(context.tenant, [id])
            shown["node"] = rows.get(id)
        name, target = to_camel_case(self.name), entity_of(self.cls)
        shown[self.name] = []
        if context.asks_for(info, name):
            source = Source(target.table, side.link.by, target.deletable, side.through)
            declared = side.link.order or target.order
            order = declared if isinstance(declared, str) else str(next(iter(declared)).value)
            children = Children(
                source, target.total_order(order, through=True), context.columns(info, target, name), target.record
            )
            shown[self.name] = (await children.load(context.tenant, [id])).get(id, [])
        return shown


def _either(nouns: Sequence[str]) -> str:
    *others, last = nouns
    return f"{', '.join(others)} or {last}" if others else last
