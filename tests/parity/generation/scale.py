"""How many random operations are tried, and which: few enough for CI, and the same ones each time.

PARLEY_TEST_SCALE=50 pytest tests/parity                        # a longer run
PARLEY_TEST_SCALE=50 PARLEY_TEST_SEED=7 pytest tests/parity     # other operations
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import hypothesis

from tests.parity.generation.choices import Choices, chosen

T = TypeVar("T")

SCALE = float(os.environ.get("PARLEY_TEST_SCALE", "1"))
"""How many times more operations than CI tries."""

SEED = int(os.environ.get("PARLEY_TEST_SEED") or 1)
"""What all random choices follow from."""


def count(operations: int) -> int:
    """So many operations in CI, and `SCALE` times as many on demand."""
    return max(1, round(operations * SCALE))


def drawn(make: Callable[[Choices], T], operations: int) -> list[T]:
    """So many random things as `count` says, the same ones for the same seed.

    Hypothesis only draws: what fails is made smaller by `tests.parity.generation.reduction`, which knows what an
    operation is.
    """
    found: list[T] = []

    @hypothesis.settings(
        max_examples=count(operations),
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.seed(SEED)
    @hypothesis.given(chosen(make))
    def gather(one: T) -> None:
        found.append(one)

    gather()
    return found
