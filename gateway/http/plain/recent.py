"""The queries that were asked last, by the bytes of their requests: pages and clients ask the same again and again.

A request that is known byte for byte need not be parsed, checked and converted once more. What comes for the first time
is only noted, since keeping it would cost more than a tenth of a small query, and most of what comes once does not come
again. Mutations are not kept: they hardly come twice, and some of them hold a password.
"""

from __future__ import annotations

from gateway.execution.operation import Operation
from gateway.execution.prepare.inputs import SHAREABLE

LARGEST_BYTES = 4 * 1024
MOST_BYTES = 128 * 1024
"""Of all that are kept. What is made of a document takes some hundred bytes for each of its own."""
_NOTES = 512
"""About as many as are kept: what comes again only after more than these would have made room for others by then."""


class RecentQueries(dict[bytes, Operation]):
    """Queries by the bodies that asked for them, bounded; the oldest go first."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = 0
        self._noted = [0] * _NOTES
        """The hashes of those that came lately, each in the place that it names."""

    def keep(self, body: bytes, operation: Operation) -> None:
        """Keep a query that was not there, if it comes for the second time and may be run again as it is."""
        code = hash(body)
        if self._noted[code % _NOTES] != code:
            self._noted[code % _NOTES] = code
            return
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
