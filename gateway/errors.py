"""The errors that Parley returns to callers, and their stable codes.

A form can show `Invalid`, `NotFound` and `Conflict` to a person: a mutation turns them into `userErrors`, as those of a
`Refused` list. The others
are for developers and client libraries: they become top-level errors with `extensions.code`. Any other exception is a
bug in Parley: the caller gets `INTERNAL` with a reference, and only the log has the cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class ParleyError(Exception):
    """An error for the caller. The message is shown unchanged, so it never contains anything internal."""

    code: ClassVar[str] = "INTERNAL"
    path: tuple[str, ...] = ()
    """Where in the response the field is that caused it, if the operation was refused before it ran."""

    def __init__(self, message: str, *, field: str | tuple[str, ...] = (), **extensions: Any) -> None:
        super().__init__(message)
        self.message = message
        self.field: tuple[str, ...] = (field,) if isinstance(field, str) else field
        self.extensions: Mapping[str, Any] = {"code": self.code, **extensions}


class Invalid(ParleyError):
    """A value violates a rule. `field` is its path in the input, or the argument of a query that takes an id.

    `others` are further mistakes in the same input. `values` are the other values to be written, by column, so that a
    mutation can report all mistakes at once. They belong to the table of `of` or, if that is None, of the object that
    the mutation returns.
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
    """The object does not exist or belongs to someone else. Callers cannot tell the two apart."""

    code = "NOT_FOUND"


class Conflict(ParleyError):
    """The object's state does not allow this: another request came first, or the object has changed since it was read.

    `current` is the object's present state, for the payload. `is_foreign` says that the caller has shown only that it
    knows the id: an agent whose token lacks `read` does not get the object.
    """

    code = "CONFLICT"

    def __init__(
        self, message: str, *, field: str | tuple[str, ...] = (), current: Any = None, is_foreign: bool = False
    ) -> None:
        super().__init__(message, field=field)
        self.current = current
        self.is_foreign = is_foreign


class Refused(ParleyError):
    """Items of a bulk write were refused. `errors` say which and why; each names the item in its `field`.

    `current` has what was written in spite of them, for the payload.
    """

    def __init__(self, errors: Sequence[ParleyError], *, current: Any = None) -> None:
        super().__init__("Items of a bulk write were refused.")
        self.errors = errors
        self.current = current


class BadRequest(ParleyError):
    """The request cannot be read as GraphQL, or an argument such as a page size or a cursor is unusable."""

    code = "BAD_REQUEST"


class Unauthenticated(ParleyError):
    """A valid access token is required but was not sent."""

    code = "UNAUTHENTICATED"


class Forbidden(ParleyError):
    """The token is valid but does not allow this."""

    code = "FORBIDDEN"

    def __init__(self, message: str, *, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


class Resync(ParleyError):
    """The feed cannot resume from the cursor. Read the current state and subscribe from its `feedCursor`."""

    code = "RESYNC"


class Overloaded(ParleyError):
    """There is no capacity at the moment. Nothing was done; the request may be retried."""

    code = "OVERLOADED"


class Unavailable(ParleyError):
    """The database cannot be reached at the moment. The request may be retried.

    With `outcome: "unknown"`, the connection was lost during a write, which may have been committed. A retry with the
    same id does not write twice.
    """

    code = "UNAVAILABLE"


class TooLarge(ParleyError):
    """The operation exceeded its byte limit and was ended. It must request less.

    A mutation may have been committed. A retry with the same id does not write twice.
    """

    code = "TOO_LARGE"


class TimedOut(ParleyError):
    """The operation exceeded its time limit and was ended.

    A mutation may have been committed. A retry with the same id does not write twice.
    """

    code = "TIMED_OUT"
