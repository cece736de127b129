"""Interfaces and unions: how an object's type is found, and what is said when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from graphql import GraphQLSchema

from tests.gateway.execution.both import check, later, schema_of

INTERFACE = """
    interface Pet { name: String }
    type Dog implements Pet { name: String, woofs: Boolean }
    type Cat implements Pet { name: String, meows: Boolean }
    type Stone { name: String }
    type Query { pets: [Pet], pet: Pet, sure: Pet! }
"""
UNION = INTERFACE.replace("interface Pet { name: String }", "union Pet = Dog | Cat").replace(" implements Pet", "")

OPERATION = "{ pets { __typename ... on Dog { name woofs } ... on Cat { name meows } } }"
PETS = {
    "pets": [
        {"__typename": "Dog", "name": "Odie", "woofs": True},
        {"__typename": "Cat", "name": "Garfield", "meows": False},
    ]
}
UNKNOWN = (
    "Abstract type 'Pet' must resolve to an Object type at runtime for field 'Query.{}'. Either the 'Pet' type should"
    " provide a 'resolve_type' function or each possible type should provide an 'is_type_of' function."
)

both_kinds = pytest.mark.parametrize("sdl", [INTERFACE, UNION], ids=["interface", "union"])
now_and_later = pytest.mark.parametrize("is_later", [False, True], ids=["now", "later"])


@dataclass
class Dog:
    name: str = "Odie"
    woofs: bool = True


@dataclass
class Cat:
    name: str = "Garfield"
    meows: bool = False


def pets(sdl: str, *found: Any) -> GraphQLSchema:
    """The schema, with these as its pets and the first as its pet."""
    chosen = found or (Dog(), Cat())
    first = lambda *_: chosen[0]  # noqa: E731
    return schema_of(sdl, Query_pets=lambda *_: chosen, Query_pet=first, Query_sure=first)


def knowing(schema: GraphQLSchema, is_later: bool = False, **classes: type) -> GraphQLSchema:
    """Let types know their objects by class, now or later."""
    for name, cls in classes.items():

        def is_type_of(value: Any, _info: Any, cls: type = cls) -> Any:
            return later(isinstance(value, cls)) if is_later else isinstance(value, cls)

        _type(schema, name).is_type_of = is_type_of
    return schema


def resolving(schema: GraphQLSchema, answer: Any) -> GraphQLSchema:
    """Let the abstract type say what its objects are."""
    _type(schema, "Pet").resolve_type = lambda value, _info, _type: answer(value)
    return schema


def _type(schema: GraphQLSchema, name: str) -> Any:
    return schema.type_map[name]


@both_kinds
@now_and_later
async def test_types_know_their_objects(sdl: str, is_later: bool) -> None:
    await check(knowing(pets(sdl), is_later, Dog=Dog, Cat=Cat), OPERATION, PETS)


@both_kinds
async def test_one_type_knows_at_once_and_another_later(sdl: str) -> None:
    schema = knowing(knowing(pets(sdl), True, Cat=Cat), False, Dog=Dog)
    await check(schema, OPERATION, PETS)


@both_kinds
@now_and_later
async def test_abstract_type_says_what_its_objects_are(sdl: str, is_later: bool) -> None:
    def answer(value: Any) -> Any:
        name = type(value).__name__
        return later(name) if is_later else name

    await check(resolving(pets(sdl), answer), OPERATION, PETS)


class Typed:
    """An object that says itself what it is."""

    __typename = "Cat"
    name = "Tom"
    meows = True


@both_kinds
async def test_object_says_itself_what_it_is(sdl: str) -> None:
    found = ({"__typename": "Dog", "name": "Rex", "woofs": False}, Typed())
    expect = [{"__typename": "Dog", "name": "Rex", "woofs": False}, {"__typename": "Cat", "name": "Tom", "meows": True}]
    await check(pets(sdl, *found), OPERATION, {"pets": expect})


@both_kinds
@now_and_later
async def test_question_for_the_type_that_raises_fails_the_object(sdl: str, is_later: bool) -> None:
    def raising(*_: Any) -> Any:
        if is_later:
            return later(ValueError("do not ask"))
        raise ValueError("do not ask")

    errors = {("pets.0", "do not ask"), ("pets.1", "do not ask")}
    schema = pets(sdl)
    _type(schema, "Dog").is_type_of = raising
    _type(schema, "Cat").is_type_of = raising
    await check(schema, OPERATION, {"pets": [None, None]}, errors)
    await check(resolving(pets(sdl), raising), OPERATION, {"pets": [None, None]}, errors)


@both_kinds
@now_and_later
async def test_object_that_no_type_knows_fails(sdl: str, is_later: bool) -> None:
    schema = knowing(pets(sdl, Dog(), object()), is_later, Dog=Dog, Cat=Cat)
    expect = {"pets": [{"__typename": "Dog"}, None]}
    await check(schema, "{ pets { __typename } }", expect, [("pets.1", UNKNOWN.format("pets"))])


WRONG_NAMES: list[tuple[Any, str]] = [
    (None, UNKNOWN.format("pet")),
    ("Human", "Abstract type 'Pet' was resolved to a type 'Human' that does not exist inside the schema."),
    ("String", "Abstract type 'Pet' was resolved to a non-object type 'String'."),
    ("Pet", "Abstract type 'Pet' was resolved to a non-object type 'Pet'."),
    ("Stone", "Runtime Object type 'Stone' is not a possible type for 'Pet'."),
    ("__Schema", "Runtime Object type '__Schema' is not a possible type for 'Pet'."),
    (
        [],
        "Abstract type 'Pet' must resolve to an Object type at runtime for field 'Query.pet' with value"
        " {'name': 'Rex'}, received '[]', which is not a valid Object type name.",
    ),
]


@both_kinds
@now_and_later
@pytest.mark.parametrize(("name", "message"), WRONG_NAMES)
async def test_wrong_name_of_a_type(sdl: str, is_later: bool, name: Any, message: str) -> None:
    schema = resolving(pets(sdl, {"name": "Rex"}), lambda _: later(name) if is_later else name)
    await check(schema, "{ pet { __typename } }", {"pet": None}, [("pet", message)])


async def test_wrong_name_where_null_is_not_allowed_fails_the_whole() -> None:
    schema = resolving(pets(INTERFACE, {"name": "Rex"}), lambda _: "Stone")
    errors = [("sure", "Runtime Object type 'Stone' is not a possible type for 'Pet'.")]
    await check(schema, "{ sure { name } }", None, errors)


@now_and_later
async def test_type_that_does_not_know_the_object_it_was_given_fails_it(is_later: bool) -> None:
    schema = knowing(resolving(pets(INTERFACE, {"name": "Rex"}), lambda _: "Dog"), is_later, Dog=Dog)
    errors = [("pet", "Expected value of type 'Dog' but got: {'name': 'Rex'}.")]
    await check(schema, "{ pet { name } }", {"pet": None}, errors)


@now_and_later
async def test_object_that_its_own_type_does_not_know_fails(is_later: bool) -> None:
    schema = schema_of("type Query { dogs: [Dog] } type Dog { name: String }", Query_dogs=lambda *_: [Dog(), Cat()])
    errors = [("dogs.1", "Expected value of type 'Dog' but got: <Cat instance>.")]
    expect = {"dogs": [{"name": "Odie"}, None]}
    await check(knowing(schema, is_later, Dog=Dog), "{ dogs { name } }", expect, errors)


LIVING = """
    interface Life { kin: [Life] }
    interface Mammal implements Life { kin: [Mammal], mother: Mammal }
    interface Named { name: String }
    type Dog implements Mammal & Life & Named { kin: [Mammal], mother: Dog, name: String, barks: Boolean }
    type Cat implements Mammal & Life & Named { kin: [Mammal], mother: Cat, name: String, meows: Boolean }
    type Person implements Mammal & Life & Named {
        kin: [Mammal], mother: Person, name: String, pets: [Pet], friends: [Named]
    }
    union Pet = Dog | Cat
    type Query { person: Person, named: [Named], life: [Life] }
"""


def _living() -> GraphQLSchema:
    tom: dict[str, Any] = {"__typename": "Cat", "name": "Tom", "meows": True}
    rex: dict[str, Any] = {"__typename": "Dog", "name": "Rex", "barks": False}
    rex["mother"] = {"__typename": "Dog", "name": "Lassie", "barks": True}
    rex["kin"] = [rex["mother"]]
    ann: dict[str, Any] = {"__typename": "Person", "name": "Ann", "pets": [tom, rex]}
    ann["friends"] = [ann, rex]
    return schema_of(
        LIVING, Query_person=lambda *_: ann, Query_named=lambda *_: [ann, tom], Query_life=lambda *_: [rex, tom]
    )


async def test_fragment_on_an_interface_inside_a_union() -> None:
    operation = (
        "{ person { pets { ... on Named { name } ... on Mammal { mother { __typename ... on Dog { barks } } } } } }"
    )
    expect = {"person": {"pets": [{"name": "Tom", "mother": None}, _rex_with_mother()]}}
    await check(_living(), operation, expect)


def _rex_with_mother() -> dict[str, Any]:
    return {"name": "Rex", "mother": {"__typename": "Dog", "barks": True}}


async def test_fragment_on_one_interface_inside_another() -> None:
    operation = "{ life { __typename ...Called kin { ...Called } } } fragment Called on Named { name }"
    rex = {"__typename": "Dog", "name": "Rex", "kin": [{"name": "Lassie"}]}
    await check(_living(), operation, {"life": [rex, {"__typename": "Cat", "name": "Tom", "kin": None}]})


async def test_fragment_on_a_union_inside_an_interface() -> None:
    operation = "{ named { name ... on Pet { __typename ... on Cat { meows } } } }"
    expect = {"named": [{"name": "Ann"}, {"name": "Tom", "__typename": "Cat", "meows": True}]}
    await check(_living(), operation, expect)


async def test_one_key_for_different_fields_of_different_types() -> None:
    operation = "{ person { pets { ... on Dog { sound: barks } ... on Cat { sound: meows } } } }"
    await check(_living(), operation, {"person": {"pets": [{"sound": True}, {"sound": False}]}})


async def test_object_reached_again_below_itself() -> None:
    operation = "{ person { friends { name ... on Person { friends { name } } } } }"
    friends = [{"name": "Ann"}, {"name": "Rex"}]
    await check(_living(), operation, {"person": {"friends": [{"name": "Ann", "friends": friends}, {"name": "Rex"}]}})
