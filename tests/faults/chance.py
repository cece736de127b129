"""What a run with faults leaves to chance, and how much it does."""

from __future__ import annotations

import os
import random
import secrets
import zlib

SCALE = float(os.environ.get("PARLEY_TEST_SCALE", "1"))
"""How much the tests with faults do: 1 is what takes two minutes in all."""

_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or secrets.token_hex()
SEED = int(os.environ.get("PARLEY_TEST_SEED") or zlib.crc32(_RUN.encode()))
"""The same in all test processes of a run."""


def scaled(count: int) -> int:
    """So many, or more or fewer where the environment asks for it."""
    return max(2, round(count * SCALE))


def dice(who: str, seed: int = SEED) -> random.Random:
    """The choices of one who takes part: the same for the same seed, whatever the others do meanwhile."""
    return random.Random(f"{seed} {who}")  # noqa: S311 - chance, which nobody needs to be unable to guess
