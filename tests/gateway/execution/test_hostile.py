"""No document costs much to prepare or to refuse. Work is counted in calls, which is the same on every machine."""

from __future__ import annotations

import random
import re
from functools import partial

import pytest
from graphql import get_introspection_query

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest
from tests.gateway.execution.hostile import DOCUMENTS, calls, peak_bytes, prepare
from tests.kit.schema import graphql_schema

SCHEMA = graphql_schema()

# About 40 ms where this was written.
MOST_CALLS = 250_000
MOST_BYTES = 10 * 2**20


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """What is made once for a schema is not a document's fault."""
    prepare(Engine(SCHEMA), "{ viewer { id } __schema { types { name } } }")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_preparing_is_bounded_in_work_and_memory(name: str) -> None:
    engine, text = Engine(SCHEMA), DOCUMENTS[name]
    assert calls(lambda: prepare(engine, text)) < MOST_CALLS
    assert peak_bytes(lambda: prepare(Engine(SCHEMA), text)) < MOST_BYTES


def test_mutants_are_bounded_as_well() -> None:
    """Documents cut up and put together anew: what is slow together need not be slow alone."""
    dice = random.Random(4)  # noqa: S311 - the same documents each time
    pieces = [re.findall(r'"""|"[^"]*"|\.\.\.|\w+|[^\s\w]', text.strip()[:8_000]) for text in DOCUMENTS.values()]
    for _ in range(60):
        first, second = dice.choice(pieces), dice.choice(pieces)
        cut, start, times = dice.randrange(len(first)), dice.randrange(len(second)), dice.randrange(1, 4)
        middle = second[start : start + dice.randrange(1, 200)] * times
        text = " ".join([*first[:cut], *middle, *first[cut:]][:990])
        assert calls(partial(prepare, Engine(SCHEMA), text)) < MOST_CALLS, text


@pytest.mark.parametrize(
    "text",
    [
        get_introspection_query(
            specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
        ),
        "query A { viewer { id } } " + " ".join(f"query Q{number} {{ viewer {{ id }} }}" for number in range(40)),
        "{ viewer { conversations { nodes { " + " ".join(f"...F{number}" for number in range(12)) + " } } } }"
        + " ".join(
            f" fragment F{number} on Conversation {{ id title messages(first: 20) {{ nodes {{ id role content }} }} }}"
            for number in range(12)
        ),
    ],
    ids=["what GraphiQL asks", "many operations", "fragments that ask for the same"],
)  # fmt: skip
def test_what_clients_really_send_is_accepted(text: str) -> None:
    name = "A" if text.startswith("query A") else None
    assert Engine(SCHEMA).prepare(OperationRequest(text, name))
