"""Small schemas that hold what Parley's does not: interfaces, unions, lists of lists, null everywhere and not,
scalars that refuse, types that are found out in every way there is.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
)

from tests.parity.worlds import Broken, Run, WithAttributes, resolve

SDL = """
scalar Odd
enum Colour { RED GREEN BLUE }

input Near { x: Int! = 1, y: Int, names: [String!], near: Near, colour: Colour = GREEN }
input Where { id: ID!, near: Near = {y: 2}, nears: [Near], grid: [[Int!]], odd: Odd, flag: Boolean! = true }
input Either @oneOf { id: ID, text: String, near: Near, list: [Int] }

interface Named { name: String, self: Named, friends: [Named!] }
interface Aged { age: Int!, elder: Aged, peers: [[Aged]!] }

type Dog implements Named & Aged {
    name: String!
    self: Dog
    friends: [Named!]
    age: Int!
    elder: Aged
    peers: [[Aged]!]
    box: Box!
    barks(loud: Boolean!, times: Int = 2): String!
}
type Cat implements Named { name: String, self: Cat!, friends: [Dog!]!, box: Box, lives: [Int!] }
type Robot implements Aged & Named {
    name: String
    self: Named
    friends: [Cat!]
    age: Int!
    elder: Robot
    peers: [[Robot!]!]!
    serial: ID!
}

union Pet = Dog | Cat
union Thing = Box | Dog | Robot

type Box {
    id: ID!
    plain: Int
    sure: Int!
    flag: Boolean
    ratio: Float!
    text: String
    colour: Colour
    sureColour: Colour!
    odd: Odd
    sureOdd: Odd!
    ints: [Int]
    sureInts: [Int!]
    intsSurely: [Int]!
    sureIntsSurely: [Int!]!
    matrix: [[Int]]
    sureMatrix: [[Int!]!]!
    cube: [[[Odd!]]!]
    colours: [Colour!]

    box: Box
    sureBox: Box!
    boxes: [Box]
    sureBoxes: [Box!]
    boxesSurely: [Box]!
    sureBoxesSurely: [Box!]!
    grid: [[Box]]
    sureGrid: [[Box!]!]!
    halfGrid: [[Box!]]!

    pet: Pet
    surePet: Pet!
    pets: [Pet!]
    petGrid: [[Pet]!]
    thing: Thing
    things: [Thing]!
    named: Named
    sureNamed: Named!
    aged: Aged
    ages: [Aged!]!

    echo(text: String = "x", number: Int!, ratio: Float, flag: Boolean = null): String!
    find(where: Where!, order: [Colour!] = [RED, BLUE], ids: [ID!], one: Either): [Box!]
    count(grid: [[Int]] = [[1]], odd: Odd = 3, where: Where): Int
}

type Query {
    box: Box
    sureBox: Box!
    boxes: [Box!]!
    grid: [[Box!]!]
    pet(colour: Colour! = BLUE): Pet
    pets: [Pet]
    things: [Thing!]
    named(where: Where): Named
    everyone: [[Named!]!]!
    aged: Aged!
    echo(text: String!, numbers: [Int!]! = [1, 2], either: Either): String
    number: Int!
}

type Mutation {
    push(number: Int!): Int
    surePush(number: Int! = 3, where: Where): Int!
    make(where: Where!): Box
    sureMake: Box!
    adopt: [Pet!]
    rename(name: String): Named!
}

type Subscription {
    box: Box
    pet: Pet!
    boxes: [Box!]!
    ticks(from: Int = 0): Int!
}
"""


def small_schema(*, asynchronous: bool, default_resolvers: bool) -> GraphQLSchema:
    """The schema. Its abstract types are found out at once or later, its fields by resolvers or by default."""
    schema = build_schema(SDL)
    types: dict[str, Any] = dict(schema.type_map)
    _know_types(types, later=_eventually if asynchronous else _at_once)
    _know_odd(types["Odd"])
    _know_colours(types["Colour"])
    for of in types.values():
        if isinstance(of, GraphQLObjectType) and not of.name.startswith("__"):
            for name, each in of.fields.items():
                is_root = of.name in ("Query", "Mutation", "Subscription")
                if is_root or not default_resolvers or zlib.crc32(name.encode()) % 3 == 0:
                    each.resolve = resolve
    return schema


def _at_once(value: Any) -> Any:
    return value


async def _eventually(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def _know_types(types: dict[str, Any], later: Any) -> None:
    """Each abstract type is told apart in its own way; `Thing` and `Named` by graphql-core's default."""
    named: GraphQLInterfaceType = types["Named"]
    named.resolve_type = lambda value, _info, _type: typename(value)
    types["Aged"].resolve_type = lambda value, _info, _type: later(typename(value))
    types["Dog"].is_type_of = lambda value, info: _noted(info, typename(value) == "Dog")
    types["Cat"].is_type_of = lambda value, info: later(typename(value) == "Cat")
    types["Robot"].is_type_of = lambda value, info: typename(value) == "Robot"


def _noted(info: Any, answer: bool) -> bool:
    assert isinstance(info.context, Run)
    return answer


def typename(value: Any) -> Any:
    """What an object says of its type; some say what is no name of a type."""
    match value:
        case {"__typename": name} | WithAttributes(typename=name):
            pass
        case _:
            return None
    match name:
        case "raises":
            raise Broken("no type at all")
        case "is a number":
            return 7
        case "is nothing":
            return None
        case _:
            return name


def _know_odd(odd: GraphQLScalarType) -> None:
    """A scalar that shows odd numbers only: of other numbers it raises, of multiples of six it shows nothing."""

    def show(value: Any) -> Any:
        if value % 6 == 0:
            return None
        if value % 2 == 0:
            raise ValueError(f"{value} is even")
        return value

    odd.coerce_output_value = odd.serialize = show  # type: ignore[method-assign]


def _know_colours(colour: GraphQLEnumType) -> None:
    """Inside, colours are numbers."""
    for number, member in enumerate(colour.values.values()):
        member.value = number
