"""The size of a response as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from graphql import ExecutionResult

from gateway.execution.budget import FREE_BYTES, Budget
from gateway.execution.complete import Large
from gateway.execution.operation import Operation


def size_of(value: Any, most: int) -> int:
    """The size of a value of the response as JSON, in bytes. Above `most`, the result is only a lower bound."""
    if isinstance(value, dict):
        total = 2
        for key, member in value.items():
            total += len(key) + 4 + size_of(member, most - total)
            if total > most:
                return total
        return total
    if isinstance(value, list):
        total = 2
        for item in value:
            total += 1 + size_of(item, most - total)
            if total > most:
                return total
        return total
    if value is None or value is True or value is False:
        return 5
    return len(orjson.dumps(value))


def check_counted(operation: Operation, results: Sequence[ExecutionResult], budget: Budget) -> None:
    """Call `check_size`, unless the counts of the budget already prove that the response is small enough."""
    copies, keys = operation.document.size_factors
    # The values of a mutation or an event may come from elsewhere than the database.
    repeats = copies > 1 and operation.kind != "query"
    if budget.failure is not None or repeats or budget.may_exceed(copies, keys):
        # No value occurs more often than it came from the database, so it is safe to encode each part.
        is_plain = copies == 1 and budget.times_shared == 1 and budget.used <= budget.limit // 2
        check_size(results, budget, writes=is_plain)


def check_size(results: Sequence[ExecutionResult], budget: Budget, *, writes: bool = False) -> None:
    """Raise if the operation has failed or its response is too large to be encoded.

    If it `writes`, it measures large data by encoding it, which is quicker and has to be done anyway.
    """
    if budget.failure is not None:
        raise budget.failure
    size = 0
    for result in results:
        data, left = result.data, budget.limit - size
        size += _written(data, left) if writes and isinstance(data, Large) else size_of(data, left)
    hold_text(size, budget)


def hold_text(size: int, budget: Budget) -> None:
    """Hold a response of this size, as JSON, of the caller's share. Raises if it is too large."""
    if size > budget.limit:
        raise budget.too_large()
    if size > FREE_BYTES and not budget.hold(max(size, budget.used)):
        raise budget.overdrawn()


def _written(data: Large, most: int) -> int:
    size = 0
    try:
        for part in data.shrink():
            size += part
            if size > most:
                return size
    except orjson.JSONEncodeError:
        return size_of(data, most)
    return size
