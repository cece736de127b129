"""The errors that Parley answers with, and their stable codes.

`Invalid`, `NotFound` and `Conflict` are what a form can show a person: a mutation turns them into `userErrors`. The
others are for a developer or a client library, and reach it as top-level errors with `extensions.code`. Anything that
is not one of these is a bug of ours: the caller gets `INTERNAL` with a reference, and only the log has the cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class ParleyError(Exception):
    """An answer to the caller. The message is shown as it is, so it never holds anything internal."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, field: str | tuple[str, ...] = (), **extensions: Any) -> None:
        super().__init__(message)
        self.message = message
        self.field: tuple[str, ...] = (field,) if isinstance(field, str) else field
        self.extensions: Mapping[str, Any] = {"code": self.code, **extensions}


class Invalid(ParleyError):
    """A value breaks a rule. `field` is its path in the input, or the argument of a query that takes an id.

    `others` are further mistakes in the same input. `values` are what else of it was to be written, by column, so that
    a mutation can answer with all mistakes at once: of the table of `of`, or else of the object that it returns.
    """

    code = "INVALID"

    def __init__(
        self,
        message: str,
        *,
        field: str | tuple[str, ...] = (),
        others: Sequence[ParleyError] = (),
        values: Mapping[str, Any] | None = None,
        of: type | None = None,
    ) -> None:
        super().__init__(message, field=field)
        self.others = others
        self.values = values
        self.of = of


class NotFound(ParleyError):
    """The object does not exist or is not the caller's: the two are never distinguished."""

    code = "NOT_FOUND"


class Conflict(ParleyError):
    """The state of the object does not allow this: another request was first, or it has changed since it was read.

    `current` is the object as it now stands, for the payload.
    """

    code = "CONFLICT"

    def __init__(self, message: str, *, field: str | tuple[str, ...] = (), current: Any = None) -> None:
        super().__init__(message, field=field)
        self.current = current


class BadRequest(ParleyError):
    """The request cannot be read as GraphQL, or an argument such as a page size or a cursor is unusable."""

    code = "BAD_REQUEST"


class Unauthenticated(ParleyError):
    """A valid access token is required, and there is none."""

    code = "UNAUTHENTICATED"


class Forbidden(ParleyError):
    """The token is valid but does not allow this."""

    code = "FORBIDDEN"


class Resync(ParleyError):
    """The feed cannot resume from the cursor. Read the current state and subscribe from its `feedCursor`."""

    code = "RESYNC"


class Overloaded(ParleyError):
    """There is no capacity at the moment. Nothing was done; the same request may be retried."""

    code = "OVERLOADED"


class Unavailable(ParleyError):
    """The database cannot be reached at the moment. The same request may be retried.

    With `outcome: "unknown"`, the connection was lost during a write, which may or may not have been done: sent again
    with the same id, it is done once.
    """

    code = "UNAVAILABLE"


class TooLarge(ParleyError):
    """The operation exceeded the limit of bytes and was ended. It must request less.

    A mutation may have been done: sent again with the same id, it is done once.
    """

    code = "TOO_LARGE"


class TimedOut(ParleyError):
    """The operation exceeded the time limit and was ended.

    A mutation may have been done: sent again with the same id, it is done once.
    """

    code = "TIMED_OUT"
