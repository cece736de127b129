"""Operations made from the schema, so that a field that is added is tried without being listed."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_non_null_type,
    is_required_argument,
)

from gateway.data.entity import Entity
from gateway.schema.build import domain_modules
from tests.kit import samples

VALUES_BY_TYPE: dict[str, Any] = {
    "String": "text",
    "Int": 1,
    "Float": 0.5,
    "Boolean": True,
    "BigInt": 1,
    "Decimal": "1.5",
    "JSON": {},
    "DateTime": "2026-01-31T12:00:00Z",
    "Date": "2026-01-31",
}
"""A valid value of each scalar."""

Choose = Callable[[str], Any]
"""Gives an id of a type."""


class Owned(Protocol):
    """What somebody owns."""

    ids: dict[str, list[str]]
    """Ids, by type."""
    states: dict[str, dict[str, str]]
    """The objects of a type by their states, the usual one first."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mutation, and what its input takes."""

    schema: GraphQLSchema
    name: str

    @property
    def field(self) -> GraphQLField:
        field: GraphQLField = fields_of(self.schema.mutation_type)[self.name]
        return field

    @property
    def inputs(self) -> Mapping[str, GraphQLInputField]:
        return fields_of(self.field.args["input"].type)

    @property
    def payload(self) -> Mapping[str, GraphQLField]:
        return fields_of(self.field.type)

    @property
    def signs_in(self) -> bool:
        """Whether it needs no access token and gives one."""
        return "accessToken" in self.payload

    @property
    def makes(self) -> bool:
        """Whether its `id`, if any, is that of a new object."""
        return "id" not in self.inputs or not is_non_null_type(self.inputs["id"].type)

    @property
    def ids(self) -> dict[str, str]:
        """The fields of its input that name objects which must exist, with the type that each is of."""
        fields = {name: field for name, field in self.inputs.items() if str(get_named_type(field.type)) == "ID"}
        return {name: self._kind(name) for name in fields if not (name == "id" and self.makes)}

    @property
    def object(self) -> str:
        """The field of the payload that holds the object it is about; empty where nothing is stored."""
        rows = types_of_rows(self.schema)
        found = {str(get_named_type(field.type)): name for name, field in self.payload.items()}
        return next((name for kind, name in found.items() if kind in rows), "")

    @property
    def kind(self) -> str:
        """The type of that object."""
        return str(get_named_type(self.payload[self.object].type)) if self.object else ""

    @property
    def operation(self) -> str:
        of = self.field.args["input"].type
        wanted = selection(self.field.type, depth=2)
        return f"mutation($input: {of}) {{ {self.name}(input: $input) {wanted} }}"

    def values(self, ids: Choose, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A valid input with every field: what is given, and what `ids` gives for each type."""
        left_out = {"expectedVersion", "id"} if self.makes else {"expectedVersion"}
        fields = {name: field for name, field in self.inputs.items() if name not in left_out}
        return {name: self._value(name, field, ids) for name, field in fields.items()} | dict(given or {})

    def least(self, ids: Choose, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A valid input with what must be there alone, and what is given."""
        needed = {name: content for name, content in self.values(ids).items() if is_required(self.inputs[name])}
        return needed | dict(given or {})

    def _value(self, name: str, field: GraphQLInputField, ids: Choose) -> Any:
        if name in self.ids:
            chosen = ids(self.ids[name])
            return [chosen] if _is_list(field.type) else chosen
        said = samples.values_of(self.kind, name)
        return said[0] if said else value(name, field)

    def _kind(self, name: str) -> str:
        """The type that an id is of: the one that ends its name, or the one that the mutation is about."""
        rows = types_of_rows(self.schema)
        stem = name.removesuffix("s").removesuffix("Id")
        fitting = [row for row in rows if (stem[:1].upper() + stem[1:]).endswith(row)]
        if fitting:
            return max(fitting, key=len)
        if name in ("id", "parentId"):
            return self.kind
        kinds = samples.kinds()
        assert name in kinds, f"{self}: say in {samples.file_of(self.kind)}, in KINDS, what type {name} is an id of"
        return kinds[name]

    def __str__(self) -> str:
        return self.name


def types_of_rows(schema: GraphQLSchema) -> set[str]:
    """The names of all types that a user can own a row of."""
    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    return {each.name for each in schema.get_possible_types(node)}


def tables() -> dict[str, str]:
    """The type that the rows of each table are of."""
    declared = [item for module in domain_modules() for item in vars(module).values() if isinstance(item, type)]
    entities: list[Entity] = [vars(cls)["__entity__"] for cls in declared if "__entity__" in vars(cls)]
    return {entity.table: entity.name for entity in entities}


def is_required(field: GraphQLInputField) -> bool:
    """Whether an input must have it."""
    return is_non_null_type(field.type)


def fields_of(of: Any) -> dict[str, Any]:
    """The fields of an object or an input, through lists and non-null."""
    return dict(getattr(get_named_type(of), "fields", {}))


def mutations(schema: GraphQLSchema) -> list[Mutation]:
    """All mutations."""
    assert schema.mutation_type is not None
    return [Mutation(schema, name) for name in schema.mutation_type.fields]


def value(name: str, field: GraphQLInputField | GraphQLArgument) -> Any:
    """A valid value for an input, by its name or its type."""
    said = samples.values()
    if name in said:
        return said[name]
    of = get_named_type(field.type)
    made: Any
    if isinstance(of, GraphQLEnumType):
        made = next(iter(of.values))
    elif isinstance(of, GraphQLInputObjectType):
        made = {key: value(key, each) for key, each in of.fields.items()}
    elif of.name == "ID":
        made = str(uuid.uuid4())
    else:
        assert of.name in VALUES_BY_TYPE, f"say in tests/kit/generated.py what a valid {of.name} is"
        made = VALUES_BY_TYPE[of.name]
    return [made] if _is_list(field.type) else made


def own(owned: Owned, move: str = "") -> Choose:
    """Gives the ids of an estate. `move` is the mutation, whose object must be in the state that it begins from."""
    state = samples.begins().get(move, "")

    def choose(kind: str) -> str:
        states = owned.states.get(kind, {})
        return states.get(state) or next(iter(states.values()), "") or owned.ids[kind][0]

    return choose


def forged(user_id: str, session_id: str) -> str:
    """What looks like a refresh token of a user, to one who knows ids and no secret."""
    body = uuid.UUID(user_id).bytes + uuid.UUID(session_id).bytes + bytes(range(32))
    return "plr_" + base64.urlsafe_b64encode(body).decode().rstrip("=")


def selection(of: Any, *, depth: int) -> str:
    """Everything that can be asked for without arguments, so many objects deep."""
    named: Any = get_named_type(of)
    if is_leaf_type(named):
        return ""
    return "{ " + " ".join(["__typename", *_fields(named, depth)]) + " }"


def _fields(of: Any, depth: int) -> Iterator[str]:
    for name, field in of.fields.items():
        named: Any = get_named_type(field.type)
        if any(is_required_argument(argument) for argument in field.args.values()):
            continue
        if is_leaf_type(named):
            yield name
        # Everything hangs off the user: what does is asked for one by one.
        elif depth > 0 and not (of.name == "User" and "nodes" in fields_of(named)):
            yield name + asked(field, depth=depth - 1)


def asked(field: GraphQLField, *, depth: int, arguments: str = "") -> str:
    """What to write behind the name of a field to get all of it."""
    named: Any = get_named_type(field.type)
    if "nodes" in fields_of(named):
        rows = selection(named.fields["nodes"].type, depth=depth)
        return f"({arguments or 'first: 5'}) {{ totalCount edges {{ cursor }} nodes {rows} }}"
    return (f"({arguments}) " if arguments else " ") + selection(named, depth=depth)


def _is_list(of: Any) -> bool:
    return isinstance(of.of_type if isinstance(of, GraphQLNonNull) else of, GraphQLList)
