"""What a run with faults leaves to chance, and how much it does."""

from __future__ import annotations

import os
import random
import secrets

SCALE = float(os.environ.get("PARLEY_TEST_SCALE", "1"))
"""How much the tests with faults do: 1 is what takes two minutes in all."""

SEED = int(os.environ.get("PARLEY_TEST_SEED") or secrets.randbits(32))


def scaled(count: int) -> int:
    """So many, or more or fewer where the environment asks for it."""
    return max(2, round(count * SCALE))


def dice(who: str, seed: int = SEED) -> random.Random:
    """The choices of one who takes part: the same for the same seed, whatever the others do meanwhile."""
    return random.Random(f"{seed} {who}")  # noqa: S311 - chance, which nobody needs to be unable to guess
