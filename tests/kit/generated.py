"""Generate operations and inputs from the schema, so that new types and fields are tested without being listed."""

from __future__ import annotations

import base64
import functools
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
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
from strawberry.utils.str_converters import to_camel_case, to_snake_case

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

OTHER_VALUES_BY_TYPE: dict[str, Any] = {
    "String": "other text",
    "Int": 2,
    "Float": 0.25,
    "Boolean": False,
    "BigInt": 2,
    "Decimal": "2.5",
    "DateTime": "2026-02-28T12:00:00Z",
    "Date": "2026-02-28",
}
"""Another valid value of each scalar."""

ANY = "Conversation"
"""Stands for any type in tests of mutations that take objects of all types."""

Choose = Callable[[str], Any]
"""Returns the id of an object of the named type."""


class Owned(Protocol):
    """The objects that a user owns."""

    ids: dict[str, list[str]]
    """Ids by type."""
    states: dict[str, dict[str, str]]
    """Ids by type and state, the default state first."""


@dataclass(frozen=True)
class Mutation:
    """A mutation and the valid inputs for it."""

    schema: GraphQLSchema
    name: str

    @cached_property
    def field(self) -> GraphQLField:
        field: GraphQLField = fields_of(self.schema.mutation_type)[self.name]
        return field

    @cached_property
    def inputs(self) -> Mapping[str, GraphQLInputField]:
        return fields_of(self.field.args["input"].type)

    @cached_property
    def payload(self) -> Mapping[str, GraphQLField]:
        return fields_of(self.field.type)

    @cached_property
    def signs_in(self) -> bool:
        """Whether it works without an access token and returns one."""
        return "accessToken" in self.payload

    @cached_property
    def makes(self) -> bool:
        """Whether it creates an object, so that its `id`, if any, is a new one."""
        if self.name.startswith("update"):
            return False  # without an id, it updates what each user has one of
        return "id" not in self.inputs or not is_non_null_type(self.inputs["id"].type)

    @cached_property
    def takes_new_id(self) -> bool:
        """Whether it creates an object under an id that the client may choose."""
        return self.makes and "id" in self.inputs

    @cached_property
    def ids(self) -> dict[str, str]:
        """The input fields that refer to existing objects, with the type of each."""
        fields = {name: field for name, field in self.inputs.items() if str(get_named_type(field.type)) == "ID"}
        return {name: self._kind(name) for name in fields if not (name == "id" and self.makes)}

    @cached_property
    def to_own_type(self) -> set[str]:
        """The input fields that link an existing object to another one of its type, which must not be itself."""
        if self.makes or "id" not in self.inputs:
            return set()
        return {name for name, kind in self.ids.items() if kind == self.kind and name != "id"}

    @cached_property
    def one(self) -> Mutation | None:
        """The mutation that does for one item what this one does for a list of `items`; None if it takes no list."""
        if "items" not in self.inputs:
            return None
        item = get_named_type(self.inputs["items"].type)
        (single,) = [each for each in mutations(self.schema) if get_named_type(each.field.args["input"].type) is item]
        return single

    @cached_property
    def joins(self) -> list[str]:
        """The types of the objects that it joins to others; empty if it does something else."""
        if "node" not in self.payload:
            return []
        links = [(each.name, name, link) for each in entities() for name, link in each.links.items()]
        return sorted(
            of for of, name, link in links if link.through is not None and to_camel_case(name) in self.payload
        )

    def place(self, name: str) -> list[str]:
        """What an error of a field names, if it is about an id: one that names objects to join says which of them."""
        return [name, "0"] if self.joins and name != "id" else [name]

    @cached_property
    def takes_credentials(self) -> bool:
        """Whether it needs the address and the password of an account."""
        return {"email", "password"} <= set(self.inputs) and self.name != "signUp"

    @cached_property
    def takes_any_type(self) -> bool:
        """Whether it takes an object of any type, or of several. `test_trash` tests what these do."""
        return not self.joins and ("node" in self.payload or self.name in ("purge", "emptyTrash"))

    @cached_property
    def object(self) -> str:
        """The payload field that holds the object; empty if the mutation stores nothing."""
        if "node" in self.payload:
            return "node"
        if self.takes_any_type:
            return ""
        rows = types_of_rows(self.schema)
        names = {str(get_named_type(field.type)): name for name, field in self.payload.items()}
        return next((name for kind, name in names.items() if kind in rows), "")

    @cached_property
    def kind(self) -> str:
        """The type of the payload's object; if it may be of several, one of them."""
        if self.joins:
            return self.joins[0]
        if self.object == "node" or (not self.object and list(self.inputs) == ["id"]):
            return ANY
        return str(get_named_type(self.payload[self.object].type)) if self.object else ""

    @cached_property
    def operation(self) -> str:
        of = self.field.args["input"].type
        wanted = selection(self.field.type, depth=2)
        return f"mutation($input: {of}) {{ {self.name}(input: $input) {wanted} }}"

    def values(self, ids: Choose, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A valid input with every field set, but for links from an object to its own type. `ids` chooses objects."""
        left_out = {"expectedVersion", "id"} if self.makes else {"expectedVersion", *self.to_own_type}
        fields = {name: field for name, field in self.inputs.items() if name not in left_out}
        return {name: self._value(name, field, ids) for name, field in fields.items()} | dict(overrides or {})

    def least(self, ids: Choose, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A valid input with only the required fields and the overrides."""
        needed = {name: content for name, content in self.values(ids).items() if is_required(self.inputs[name])}
        return needed | dict(overrides or {})

    def _value(self, name: str, field: GraphQLInputField, ids: Choose) -> Any:
        if name == "items" and self.one is not None:
            return [self.one.values(ids)]
        if name in self.ids:
            chosen = ids(self.ids[name])
            return [chosen] if _is_list(field.type) else chosen
        declared = samples.values_of(self.kind, name)
        return declared[0] if declared else value(name, field)

    def _kind(self, name: str) -> str:
        """The type that an id refers to: by the object's link with this key, by its name, or that of the object."""
        column = to_snake_case(name)
        for entity in entities():
            links = entity.links.values() if entity.name == self.kind and name != "id" else ()
            for link in links:
                if link.key == column and link.shape in ("one", "maybe"):
                    return link.target
        rows = types_of_rows(self.schema)
        stem = name.removesuffix("s").removesuffix("Id")
        matches = [row for row in rows if (stem[:1].upper() + stem[1:]).endswith(row)]
        if matches:
            return max(matches, key=len)
        if name in ("id", "parentId"):
            return self.kind
        kinds = samples.kinds()
        assert name in kinds, (
            f"cannot tell which type the input field {name} of {self} refers to."
            f" Add it to KINDS in {samples.file_of(self.kind)}"
        )
        return kinds[name]

    def __str__(self) -> str:
        return self.name


@functools.cache
def types_of_rows(schema: GraphQLSchema) -> set[str]:
    """The names of all types whose rows users own."""
    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    return {each.name for each in schema.get_possible_types(node)}


def tables() -> dict[str, str]:
    """The type of each table of users' rows, by table name."""
    return {entity.table: entity.name for entity in entities() if not entity.is_reference}


def reference_tables() -> set[str]:
    """The tables of reference data."""
    return {entity.table for entity in entities() if entity.is_reference}


def types_of_reference() -> set[str]:
    """The names of all types of reference data, with those of their connections."""
    names = {entity.name for entity in entities() if entity.is_reference}
    return names | {f"{name}Connection" for name in names}


@functools.cache
def entities() -> list[Entity]:
    """The entities of all domains."""
    declared = [item for module in domain_modules() for item in vars(module).values() if isinstance(item, type)]
    return [vars(cls)["__entity__"] for cls in dict.fromkeys(declared) if "__entity__" in vars(cls)]


def secrets() -> set[tuple[str, str]]:
    """The input fields that hold secrets, each with its type."""
    return {(entity.name, to_camel_case(column)) for entity in entities() for column in entity.secrets}


def join_tables() -> set[str]:
    """The tables that links go through."""
    return {link.through.table for entity in entities() for link in entity.links.values() if link.through is not None}


def is_required(field: GraphQLInputField) -> bool:
    """Whether the field must be set."""
    return is_non_null_type(field.type)


def fields_of(of: Any) -> dict[str, Any]:
    """The fields of an object or input type; lists and non-null wrappers are removed."""
    return dict(getattr(get_named_type(of), "fields", {}))


@functools.cache
def mutations(schema: GraphQLSchema) -> list[Mutation]:
    """All mutations of the schema."""
    assert schema.mutation_type is not None
    return [Mutation(schema, name) for name in schema.mutation_type.fields]


def value(name: str, field: GraphQLInputField | GraphQLArgument) -> Any:
    """A valid value for an input field or argument: from a sample by name, otherwise by type."""
    declared = samples.values()
    if name in declared:
        return declared[name][0] if isinstance(declared[name], tuple) else declared[name]
    of = get_named_type(field.type)
    made: Any
    if isinstance(of, GraphQLEnumType):
        made = next(iter(of.values))
    elif isinstance(of, GraphQLInputObjectType):
        # A filter may contain filters of its own type, without end.
        made = {key: value(key, each) for key, each in of.fields.items() if get_named_type(each.type) is not of}
    elif of.name == "ID":
        made = str(uuid.uuid4())
    else:
        assert of.name in VALUES_BY_TYPE, f"add a valid {of.name} to VALUES_BY_TYPE in tests/kit/generated.py"
        made = VALUES_BY_TYPE[of.name]
    return [made] if _is_list(field.type) else made


def other(kind: str, name: str, field: GraphQLInputField, known: Any) -> Any:
    """A valid value for an input field of a type that differs from `known`. Not for ids of existing objects."""
    if len(declared := samples.values_of(kind, name)) > 1:
        return declared[1]
    of = get_named_type(field.type)
    made: Any
    if isinstance(of, GraphQLEnumType):
        made = list(of.values)[1]
    elif isinstance(of, GraphQLInputObjectType):
        made = {key: other(of.name, key, each, value(key, each)) for key, each in of.fields.items()}
    elif of.name == "JSON":
        return [*known, "other"] if isinstance(known, list) else {**known, "other": 1}
    elif of.name == "ID":
        made = str(uuid.uuid4())
    else:
        made = OTHER_VALUES_BY_TYPE[of.name]
    return [made] if _is_list(field.type) else made


def own(owned: Owned, mutation: str = "") -> Choose:
    """Return a function that chooses objects of one user.

    With the name of a mutation, it prefers objects in the state that the mutation begins from.
    """
    state = samples.begins().get(mutation, "")

    def choose(kind: str) -> str:
        states = owned.states.get(kind, {})
        return states.get(state) or next(iter(states.values()), "") or owned.ids[kind][0]

    return choose


def forged_token(user_id: str, session_id: str) -> str:
    """A forged refresh token, made by somebody who knows the user's ids but not the secret."""
    body = uuid.UUID(user_id).bytes + uuid.UUID(session_id).bytes + bytes(range(32))
    return "plr_" + base64.urlsafe_b64encode(body).decode().rstrip("=")


def selection(of: Any, *, depth: int) -> str:
    """A selection set with every field that needs no arguments, nested to this depth."""
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
        # The user links to everything: tests select these lists one by one.
        elif depth > 0 and not (of.name == "User" and "nodes" in fields_of(named)):
            yield name + field_selection(field, depth=depth - 1)


def field_selection(field: GraphQLField, *, depth: int, arguments: str = "") -> str:
    """The arguments and the selection set that follow a field's name to select all of it."""
    named: Any = get_named_type(field.type)
    if "totalCount" in fields_of(named):
        rows = selection(named.fields["nodes"].type, depth=depth)
        return f"({arguments or 'first: 5'}) {{ totalCount edges {{ cursor }} nodes {rows} }}"
    arguments = arguments or ", ".join(_required_choices(field))
    return (f"({arguments}) " if arguments else " ") + selection(named, depth=depth)


def _required_choices(field: GraphQLField) -> Iterator[str]:
    """The required arguments of a field, each with the first value of its enumeration."""
    for name, argument in field.args.items():
        of = get_named_type(argument.type)
        if is_required_argument(argument) and isinstance(of, GraphQLEnumType):
            yield f"{name}: {next(iter(of.values))}"


def _is_list(of: Any) -> bool:
    return isinstance(of.of_type if isinstance(of, GraphQLNonNull) else of, GraphQLList)
