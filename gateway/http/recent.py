"""The queries that were asked last, by the bytes of their requests: pages and clients ask the same again and again.

A request that is known byte for byte need not be parsed, checked and converted once more. Mutations are not kept: they
hardly come twice, and some of them hold a password.
"""

from __future__ import annotations

from gateway.execution.inputs import SHAREABLE
from gateway.execution.operation import Operation

LARGEST_BYTES = 4 * 1024
MOST_BYTES = 128 * 1024
"""Of all that are kept. What is made of a document takes some hundred bytes for each of its own."""


class RecentQueries(dict[bytes, Operation]):
    """Queries by the bodies that asked for them, bounded; the oldest go first."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = 0

    def keep(self, body: bytes, operation: Operation) -> None:
        """Keep a query that was not there, if it may be run again as it is."""
        if len(body) > LARGEST_BYTES or body in self:
            return
        # Whoever is given a list or an object may change it.
        if not all(isinstance(value, SHAREABLE) for value in operation.variables.coerced.values()):
            return
        self[body] = operation
        self._bytes += len(body)
        while self._bytes > MOST_BYTES:
            oldest = next(iter(self))
            del self[oldest]
            self._bytes -= len(oldest)
