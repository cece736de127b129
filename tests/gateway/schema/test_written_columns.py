"""What clients set is what the serving role may write: other inputs are refused at the start."""

from __future__ import annotations

import pytest

from gateway import Node, entity, standard
from gateway.data.setup.catalogue import Table
from gateway.schema.agreement import disagreements


class WeightInput:
    """What a client may set of a box, and must not."""

    weight: int | None = None
    """How many things are in it."""


class LateInput:
    """What a client may set of a box, and cannot."""

    late: str | None = None
    """What was added when the columns that clients write were settled."""


class SizeInput:
    """What a client may set of a thing, and cannot."""

    size_rank: int | None = None
    """The place of its size."""


def problems(tables: dict[str, Table], table: str, input: type, *without: str) -> list[str]:
    """What is wrong with an entity of this table whose clients set these fields."""

    @entity(table)
    class Box(Node):
        """A box or a thing."""

    standard(Box, input=input, without=("changed", "one", *without), scope="personal:write")
    return list(disagreements({"Box": Box.__entity__}, {}, tables))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("input", "column", "verb", "without"),
    [
        (WeightInput, "weight", "INSERT", "update"),
        (WeightInput, "weight", "UPDATE", "create"),
        (LateInput, "late", "INSERT", "update"),
    ],
)
async def test_input_names_no_column_that_the_serving_role_cannot_write(
    tables: dict[str, Table], input: type, column: str, verb: str, without: str
) -> None:
    (problem,) = problems(tables, "boxes", input, without)
    name = "CreateBoxInput" if verb == "INSERT" else "UpdateBoxInput"
    assert f"{name}.{column} sets boxes.{column}, on which the serving role has no {verb}: triggers keep it" in problem
    assert f"write GRANT {verb} ({column}) ON boxes TO parley_runtime in a migration" in problem


async def test_input_names_no_generated_column(tables: dict[str, Table]) -> None:
    assert problems(tables, "things", SizeInput, "update") == [
        "CreateBoxInput.size_rank sets things.size_rank, which is a generated column. Remove it from the input."
    ]
