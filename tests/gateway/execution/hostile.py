"""Documents that were made to hurt, and what each costs: `python -m tests.gateway.execution.hostile`.

Each known hole of GraphQL servers that a document can use is here under its number, and what else came to mind.
They are as large as an attacker could make them, and most are then refused for their size: what counts is when.
"""

from __future__ import annotations

import gc
import re
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

from graphql import GraphQLSchema

from gateway.execution import Engine
from gateway.execution.prepare.document import MAX_CHARACTERS, MAX_TOKENS
from gateway.execution.prepare.request import OperationRequest, RequestErrors
from tests.kit.schema import graphql_schema

# What is left for the point of a document, between the words that make it one.
TOKENS = MAX_TOKENS - 50
CHARACTERS = MAX_CHARACTERS - 500


def repeated(piece: str, tokens: int, room: int = TOKENS) -> str:
    """The piece as often as there are tokens for, its number in place of `#`."""
    return " ".join(piece.replace("#", str(number)) for number in range(room // tokens))


def tokens(text: str) -> int:
    """About how many tokens the text has."""
    return len(re.findall(r'"""|"[^"]*"|\w+|[^\s\w,]', text.replace("...", "^")))


def largest(build: Callable[[int], str]) -> str:
    """The largest document of a kind that is parsed."""
    size = next(size for size in range(1, MAX_TOKENS) if tokens(build(size + 1)) > MAX_TOKENS)
    return build(size)


def viewer(inside: str) -> str:
    return f"{{ viewer {{ {inside} }} }}"


def nested(opening: str, times: int, core: str, closing: str = "}") -> str:
    return opening * times + core + closing * times


def chain(length: int, body: str, *, on: str = "Message", end: str = "id", start: str | None = None) -> str:
    """Fragments of which each stands for `body` with the next one in it."""
    first = start or '{ message(id: "a") { ...F0 } }'
    fragments = (f"fragment F{n} on {on} {{ {body.replace('NEXT', f'...F{n + 1}')} }}" for n in range(length))
    return f"{first} {' '.join(fragments)} fragment F{length} on {on} {{ {end} }}"


def everyone_spreads(count: int, *, forward: bool) -> str:
    """Fragments that each spread all later ones, or all others."""
    fragments = []
    for number in range(count):
        others = range(number + 1, count) if forward else range(count)
        spreads = " ".join(f"...F{other}" for other in others if other != number)
        fragments.append(f"fragment F{number} on Message {{ id {spreads} }}")
    return '{ message(id: "a") { ...F0 } } ' + " ".join(fragments)


def siblings(count: int, body: str) -> str:
    """One selection set that spreads many fragments, which must be compared each with each."""
    spreads = " ".join(f"...F{number}" for number in range(count))
    fragments = " ".join(f"fragment F{n} on Message {{ {body.replace('#', str(n))} }}" for n in range(count))
    return f'{{ message(id: "a") {{ {spreads} }} }} {fragments}'


def operations(count: int, body: str, rest: str) -> str:
    return " ".join(f"query Q{n} {body.replace('#', str(n))}" for n in range(count)) + " " + rest


def introspection(body: str, levels: int) -> str:
    return chain(levels, body, on="__Type", end="name", start="{ __schema { types { ...F0 } } }")


M = '{ message(id: "a") {'
NEXT_TWICE = "a: parent { NEXT } b: parent { NEXT }"
USES_V = "conversations(first: $v) { totalCount }"
DEEP_TYPES = "fields { type { " * 6 + "name" + " } }" * 6

KNOWN_HOLES: dict[str, str] = {
    "CVE-2026-47706 fragments in a circle": M + " ...A } } fragment A on Message { parent { ...B } }"
    " fragment B on Message { parent { ...A ...A } }",
    "CVE-2026-47706 a long circle": largest(lambda n: chain(n, "parent { NEXT }", end="...F0")),
    "CVE-2026-47706 a fragment in itself": M + " ...A } } fragment A on Message { parent { ...A } }",
    "CVE-2026-47707 aliases by fragments": chain(9, "a: parent { NEXT } b: parent { NEXT } c: parent { NEXT }"),
    "CVE-2026-47707 aliases spread": M
    + " "
    + repeated("...A", 2, 490)
    + " } } fragment A on Message { "
    + repeated("a#: id", 3, 450)
    + " }",
    "CVE-2026-75507 one field again and again": M + " " + repeated("parent { id }", 4) + " } }",
    "CVE-2026-75507 one name, other arguments": viewer(repeated("conversations(first: #) { totalCount }", 9)),
    "CVE-2026-75507 one alias, other fields": M + " " + repeated("x: id x: content x: seq", 9) + " } }",
    "CVE-2026-75507 nested repetition": M
    + nested(" parent {" * 1, 1, repeated("parent { parent { id } }", 7), "}")
    + "} }",
    "CVE-2026-75507 fragments side by side": largest(lambda n: siblings(n, "x: id")),
    "CVE-2026-75507 conflicts side by side": largest(
        lambda n: siblings(n, "x: toolExecutions(first: #) { totalCount }")
    ),
    "CVE-2026-75507 fragments that meet in depth": largest(
        lambda n: siblings(n, "parent { parent { parent { parent { id } } } }")
    ),
    "CVE-2026-75508 comments": "#\n" * 16_000 + "{ viewer { id } }",
    "CVE-2026-75508 one long comment": "#" + "x" * CHARACTERS + "\n{ viewer { id } }",
    "CVE-2026-75508 comments between": "{ viewer { " + "id #x\n" * 1_000 + " } }",
    "CVE-2026-119286 a thousand errors": viewer(repeated("wrong#", 1)),
    "CVE-2026-119286 many errors": M
    + nested("parent { ", 3, repeated("wrong#", 1, 240), repeated("wrong#", 1, 220) + " }")
    + " } }",
    "CVE-2026-119286 many unknown fragments": M + nested("parent { ", 2, repeated("...wrong#", 2, 470), " }") + " } }",
    "introspection doubled": largest(lambda n: introspection("a: ofType { NEXT } b: ofType { NEXT }", n)),
    "introspection of fields of fields": introspection("fields { type { NEXT } } inputFields { type { NEXT } }", 35),
    "introspection in depth": "{ __schema { types { " + nested("fields { type { ", 150, "name", " } }") + " } } }",
    "introspection by aliases": "{ __schema { " + repeated(f"a#: types {{ {DEEP_TYPES} }}", 45) + " } }",
    "shared fragments doubled": largest(lambda n: chain(n, "NEXT NEXT")),
    "shared fragments doubled in depth": largest(lambda n: chain(n, NEXT_TWICE)),
    "shared fragments, each in all later": largest(lambda n: everyone_spreads(n, forward=True)),
    "shared fragments, each in all others": largest(lambda n: everyone_spreads(n, forward=False)),
    "inline fragments doubled": largest(lambda n: chain(n, "... { NEXT } ... on Message { NEXT }")),
    "rule budget by many operations": largest(
        lambda n: operations(50, "{ viewer { ...F0 } }", chain(n, "NEXT", on="User", start=" "))
    ),
    "rule budget by variables": largest(
        lambda n: operations(
            n, "($v: Int) { viewer { ...F0 } }", chain(n, "NEXT " + USES_V, on="User", start=" ", end="id")
        )
    ),
    "rule budget by variables of others": largest(
        lambda n: operations(
            n, "($v#: Int) { viewer { ...F0 } }", chain(5, "NEXT " + repeated(USES_V, 9, 15 * n), on="User", start=" ")
        )
    ),
}

ATTACKS: dict[str, str] = {
    "two million lines": "{ viewer { id } }" + "\n" * 2_000_000,
    "nothing but braces": "{" * CHARACTERS,
    "selections in depth": nested("{ viewer", 900, "{ id }"),
    "selections in depth by fragments": largest(lambda n: chain(n, "parent { NEXT }")),
    "inline fragments in depth": M + nested(" ... {", 600, "id") + " } }",
    "lists in depth": "{ nodes(ids: " + nested("[", 900, '"a"', "]") + ") { id } }",
    "lists in depth, as deep as is parsed": "{ nodes(ids: " + nested("[", 190, '"a"', "]") + ") { id } }",
    "input objects in depth": "mutation { createConversation(input: { metadata: "
    + nested("{ a: ", 180, "1")
    + " }) { conversation { id } } }",
    "types in depth": "query ($a: " + nested("[", 900, "Int", "]") + ") { viewer { id } }",
    "types in depth, as deep as is parsed": "query ($a: " + nested("[", 190, "Int", "]") + ") { viewer { id } }",
    "a long string": f'{{ node(id: "{"x" * CHARACTERS}") {{ id }} }}',
    "a string of escapes": f'{{ node(id: "{chr(92) + "u0041"}' + "\\u0041" * 5_000 + '") { id } }',
    "a block string of lines": '{ node(id: """' + " \n" * 15_000 + '""") { id } }',
    "a block string of quotes": '{ node(id: """' + '\\"""' * 8_000 + '""") { id } }',
    "a number of many digits": "{ viewer { conversations(first: " + "9" * CHARACTERS + ") { totalCount } } }",
    "an id of many digits": "{ node(id: " + "9" * CHARACTERS + ") { id } }",
    "a number beyond all bounds": "mutation { recordUsage(input: { costUsd: 1e999999999, provider: 1 })"
    " { userErrors { message } } }",
    "a long name": "{ " + "x" * CHARACTERS + " }",
    "long names": viewer(repeated("x" * 120 + "#", 1, 240)),
    "names that are nearly right": M
    + nested("parent { ", 3, repeated("toolExecution#", 1, 240), repeated("toolExecution#", 1, 220) + " }")
    + " } }",
    "types that are nearly right": '{ node(id: "a") { ' + repeated("... on Conversatio# { id }", 6) + " } }",
    "arguments that are nearly right": viewer("conversations(" + repeated("firs#: 1", 3) + ") { totalCount }"),
    "enum values that are nearly right": viewer(
        "conversations { nodes { messages(filter: { role: [" + repeated("USE#", 1) + "] }) { totalCount } } }"
    ),
    "one argument again and again": viewer("conversations(" + repeated("first: 1", 3) + ") { totalCount }"),
    "as many input fields as are read, nearly right": "mutation { createConversation(input: { "
    + repeated("titl#: 1", 3, 300)
    + " }) { conversation { id } } }",
    "input fields that are nearly right": "mutation { createConversation(input: { "
    + repeated("titl#: 1", 3)
    + " }) { conversation { id } } }",
    "one input field again and again": "mutation { createConversation(input: { "
    + repeated("title: 1", 3)
    + " }) { conversation { id } } }",
    "numbers where enums are wanted": viewer(
        "conversations { nodes { messages(filter: { role: [" + repeated("#", 1) + "] }) { totalCount } } }"
    ),
    "a long list that is right": viewer(
        "conversations { nodes { messages(filter: { role: [" + repeated("USER", 1) + "] }) { totalCount } } }"
    ),
    "a long list of ids": "{ nodes(ids: [" + repeated("#", 1) + "]) { id } }",
    "an object of many members": "mutation { createConversation(input: { metadata: { "
    + repeated("a#: 1", 3)
    + " } }) { conversation { id } } }",
    "directives that are known": "{ viewer " + repeated("@skip(if: true)", 7) + " { id } }",
    "directives that are unknown": "{ viewer " + repeated("@wrong#", 2) + " { id } }",
    "directives everywhere": viewer(repeated("id @skip(if: false) @include(if: true)", 14)),
    "directives on variables": "query (" + repeated("$v#: Int @wrong", 6) + ") { viewer { id } }",
    "many operations": largest(lambda n: operations(n, "{ viewer { id } }", "")),
    "as many operations as are read": operations(50, "{ viewer { id version createdAt updatedAt __typename } }", ""),
    "as many pairs as are compared": siblings(28, "parent { parent { parent { parent { id } } } }"),
    "as many conflicts as are compared": siblings(50, "x: toolExecutions(first: #) { totalCount }"),
    "many operations of one name": repeated("query Q { viewer { id } }", 8),
    "many nameless operations": repeated("{ viewer { id } }", 6),
    "many unused variables": "query (" + repeated("$v#: Int", 4) + ") { viewer { id } }",
    "many variables of one name": "query (" + repeated("$v: Int", 4) + ") { viewer { id } }",
    "many variables of wrong types": "query (" + repeated("$v#: User", 4) + ") { viewer { id } }",
    "many variables of unknown types": "query (" + repeated("$v#: AddMessageInpu#", 4) + ") { viewer { id } }",
    "many large variables": "query ("
    + repeated("$v#: UpdateConversationInput", 5, 490)
    + ") { nodes(ids: ["
    + repeated("$v#", 2, 190)
    + "]) { id } }",
    "many used variables": "query ("
    + repeated("$v#: ID!", 5, 490)
    + ") { nodes(ids: ["
    + repeated("$v#", 2, 190)
    + "]) { id } }",
    "many unknown variables": "{ nodes(ids: [" + repeated("$v#", 2) + "]) { id } }",
    "variables with defaults": "query ("
    + repeated('$v#: AddMessageInput = { content: "x" }', 10)
    + ") { viewer { id } }",
    "many unused fragments": "{ viewer { id } } " + repeated("fragment F# on User { id }", 7),
    "many fragments of one name": "{ viewer { ...F } } " + repeated("fragment F on User { id }", 7),
    "many fragments on unknown types": "{ viewer { id } } " + repeated("fragment F# on Use# { id }", 7),
    "a long chain of fragments": largest(lambda n: chain(n, "NEXT")),
    "a wide interface": '{ node(id: "a") { '
    + repeated("... on Message { id } ... on Conversation { id } ... on User { id }", 18)
    + " } }",
    "an interface with conflicts": '{ node(id: "a") { '
    + repeated("... on Message { x: seq } ... on Conversation { x: title }", 16)
    + " } }",
    "types that cannot be": M + " " + repeated("... on Conversation { id }", 6) + " } }",
    "many root fields": "{ " + repeated('a#: message(id: "a") { id }', 11) + " }",
    "many aliases": viewer(repeated("a#: id", 3)),
    "many names once": viewer("conversations { " + repeated("totalCount pageInfo { endCursor }", 5) + " }"),
    "a subscription to everything": "subscription { " + repeated("a#: messageAdded { cursor }", 6) + " }",
    "a subscription by fragments": "subscription { ...F0 } "
    + chain(80, "NEXT NEXT", on="Subscription", start=" ", end="messageAdded { cursor }"),
    "definitions of types": "{ viewer { id } } " + repeated("type T# { a: Int }", 7),
    "definitions of one type": "{ viewer { id } } " + repeated("type T { a: Int a: Int }", 10),
    "definitions of directives": "{ viewer { id } } " + repeated("directive @d# on FIELD", 5),
    "extensions": "{ viewer { id } } " + repeated("extend type Query { a#: Int }", 8),
    "an enum of many values": "{ viewer { id } } enum E { " + repeated("A#", 1, 940) + " }",
    "a type within itself": "{ viewer { id } } " + repeated("input I# { a: I#! }", 8),
    "descriptions": repeated('"about" query Q# { viewer { id } }', 9),
    "blank lines": "\n" * 20_000 + viewer(repeated("wrong#", 1)),
    "commas": "{ viewer { id " + "," * CHARACTERS + " } }",
    "an unfinished string": '{ node(id: "' + "x" * CHARACTERS,
    "an unfinished block string": '{ node(id: """' + "x\n" * 16_000,
    "pages within pages": viewer(
        nested(
            "conversations(first: 200) { nodes { messages { nodes { ",
            1,
            "conversation { " + nested("messages(first: 200) { nodes { conversation { ", 2, "id", " } } }") + " }",
            " } } } }",
        )
    ),
    "pages by fragments": "query ($n: Int) "
    + viewer("...F0")
    + chain(16, "NEXT NEXT", on="User", start=" ", end="conversations(first: $n) { totalCount }"),
    "pages of many sizes": "query ("
    + repeated("$v#: Int", 4, 180)
    + ") "
    + viewer(repeated("a#: conversations(first: $v#) { nodes { id } }", 15, 660)),
}

DOCUMENTS: dict[str, str] = {**KNOWN_HOLES, **ATTACKS}
assert len(DOCUMENTS) == len(KNOWN_HOLES) + len(ATTACKS)


def prepare(engine: Engine, text: str) -> str:
    """Prepare the document, and say what came of it."""
    name = "Q0" if "query Q0" in text else None
    try:
        engine.prepare(OperationRequest(text, name))
    except RequestErrors as refused:
        return f"{refused.code}: {refused.errors[0].message}"
    return "accepted"


def cpu_milliseconds(action: Callable[[], object]) -> float:
    """The least that the action took in three runs."""
    taken = []
    for _ in range(3):
        gc.collect()
        began = time.process_time()
        action()
        taken.append(time.process_time() - began)
    return min(taken) * 1_000


def calls(action: Callable[[], object]) -> int:
    """How many functions were called, in Python or in C: work that can be counted."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return count


def peak_bytes(action: Callable[[], object]) -> int:
    """The most memory that the action held at one time."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """What a document costs."""

    milliseconds: float
    calls: int
    mebibytes: float
    name: str
    outcome: str

    @classmethod
    def of(cls, schema: GraphQLSchema, name: str) -> Row:
        """Prepare the document on engines that have not seen it, and measure."""

        def fresh() -> str:
            return prepare(Engine(schema), DOCUMENTS[name])

        return cls(cpu_milliseconds(fresh), calls(fresh), peak_bytes(fresh) / 2**20, name, fresh())

    def __str__(self) -> str:
        measured = f"{self.milliseconds:6.1f} ms {self.calls:8,} calls {self.mebibytes:5.2f} MiB"
        return f"{measured}  {self.name[:48]:48}  {self.outcome[:64]!r}"


def main() -> None:
    schema = graphql_schema()
    prepare(Engine(schema), "{ viewer { id } __schema { types { name } } }")
    for row in sorted((Row.of(schema, name) for name in DOCUMENTS), reverse=True):
        print(row)


if __name__ == "__main__":
    main()
