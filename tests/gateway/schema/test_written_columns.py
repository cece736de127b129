"""What clients set is what the serving role may write: other inputs are refused at the start."""

from __future__ import annotations

import datetime

import pytest

from gateway import Node, entity, secret, standard
from gateway.data.setup.catalogue import Table
from gateway.schema.agreement import disagreements
from gateway.schema.declaration import refuse_wrong
from gateway.schema.types.wrong_declaration import WrongDeclaration


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


class CodeInput:
    """What a client may set of a box that has no secret."""

    code: str = secret()
    """What opens it."""


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


async def test_a_secret_needs_a_column_that_seals_it(tables: dict[str, Table]) -> None:
    @entity("boxes", restorable=False)
    class Box(Node):
        """A box."""

        deleted_at: datetime.datetime | None
        """When it was deleted."""

    standard(Box, input=CodeInput, scope="person")
    found = list(disagreements({"Box": Box.__entity__}, {}, tables))  # type: ignore[attr-defined]
    (problem,) = [each for each in found if "secret" in each]
    assert problem.startswith("BoxInput.code is a secret, but boxes has no such column that seals it.")
    assert "SELECT add_secret('boxes', 'code')" in problem


def test_what_has_a_secret_is_not_restored() -> None:
    @entity("boxes")
    class Box(Node):
        """A box."""

        deleted_at: datetime.datetime | None
        """When it was deleted."""

    with pytest.raises(WrongDeclaration, match="Box has a secret, which is destroyed") as refused:
        standard(Box, input=CodeInput, scope="person")
    assert '@entity("boxes", restorable=False)' in str(refused.value)


class LooseInput:
    """What a client may set of a box, and leave out."""

    code: str | None = secret()
    """What opens it."""


def test_a_secret_is_a_text_that_is_needed() -> None:
    @entity("boxes", restorable=False)
    class Box(Node):
        """A box."""

        deleted_at: datetime.datetime | None
        """When it was deleted."""

    standard(Box, input=LooseInput, scope="person")
    with pytest.raises(WrongDeclaration, match="is a secret, which is always a text that is needed"):
        refuse_wrong({"Box": Box}, [])
