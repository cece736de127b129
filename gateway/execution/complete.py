"""Turn the result of an operation into the response that the client sees.

A client sees every error that it can act on, word for word, with a stable code. For any other error it only gets a
reference. The log has the cause under that reference, but not the exceptions' messages, which may quote what users
wrote.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson
import structlog
from graphql import ExecutionResult, GraphQLError
from strawberry.utils.str_converters import to_camel_case

from gateway.errors import BadRequest, ParleyError
from gateway.execution.prepare.request import NOTHING, RequestErrors
from gateway.fairness.shares import Held
from gateway.telemetry.complaint import Faults

INTERNAL = "INTERNAL"
SHOWN_FRAMES = 8
LONGEST_NAME = 100
"""Characters of an operation's name in the log."""

log = structlog.get_logger(__name__)
_faults = Faults()


class _Absent:
    """Stands for `data` in the answer to a request that was never run."""


ABSENT: Final = _Absent()

FormattedError = Mapping[str, Any]


class Large(dict[str, Any]):
    """The data of an answer with many objects.

    Objects take far more memory than their JSON text, so they are encoded part by part, and each part is replaced by
    its text.
    """

    __slots__ = ("_is_text",)

    def shrink(self) -> Iterator[int]:
        """Replace the items of the outermost lists by their JSON text, one by one. Yields the size of each in bytes."""
        if getattr(self, "_is_text", False):
            return
        inner: list[Any] = [self]
        while inner:
            for value in inner.pop().values():
                if type(value) is dict:
                    inner.append(value)
                elif type(value) is list:
                    for index, item in enumerate(value):
                        text = orjson.dumps(item)
                        value[index] = orjson.Fragment(text)
                        yield len(text)
        self._is_text = True


class Answer(NamedTuple):
    """A GraphQL response, ready to be encoded. It has no `data` if the request was refused before it ran."""

    data: Any = ABSENT
    errors: tuple[FormattedError, ...] = ()
    extensions: Mapping[str, Any] = NOTHING
    held: Held | None = None
    """What a large answer takes of its caller's share, as long as this object is referenced."""

    @property
    def has_data(self) -> bool:
        """Whether the operation was run. Its data may still be null."""
        return self.data is not ABSENT

    @property
    def code(self) -> str | None:
        """The code of the first error."""
        return next((error["extensions"]["code"] for error in self.errors), None)

    def bytes(self) -> bytes:
        """The response as JSON."""
        members: dict[str, Any] = {} if self.data is ABSENT else {"data": self.data}
        if self.errors:
            members["errors"] = self.errors
        if self.extensions:
            members["extensions"] = self.extensions
        try:
            if type(self.data) is Large:
                for _ in self.data.shrink():
                    pass
            return orjson.dumps(members)
        except orjson.JSONEncodeError as error:
            return failed(error).bytes()


def complete(result: ExecutionResult, operation_name: str | None = None) -> Answer:
    """The answer to an operation that was run."""
    if not result.errors:
        return Answer(result.data)
    return Answer(result.data, tuple(present(error, operation_name) for error in result.errors))


def failed(error: Exception, operation_name: str | None = None) -> Answer:
    """The answer to an operation that could not be run, or was ended early."""
    if isinstance(error, RequestErrors):
        return Answer(errors=tuple(_formatted(each, code=error.code) for each in error.errors))
    return Answer(errors=(present(error, operation_name),))


def present(error: Exception, operation_name: str | None = None) -> FormattedError:
    """One error as the client sees it."""
    path = error.path if isinstance(error, ParleyError) else ()
    located = error if isinstance(error, GraphQLError) else GraphQLError(str(error), path=path or None)
    cause = origin(error)
    if isinstance(cause, ParleyError):
        return _formatted(located, **_extensions(cause))
    if isinstance(cause, GraphQLError) and "code" in (cause.extensions or {}):
        return _formatted(located)
    if isinstance(cause, GraphQLError) and cause.nodes:
        return _formatted(located, code=BadRequest.code)
    reference = _report(cause, operation_name, located.path)
    if not isinstance(cause, GraphQLError):
        located.message = "Something went wrong on our side."
        located.extensions = {}
    return _formatted(located, code=INTERNAL, reference=reference)


def origin(error: Exception) -> Exception:
    """The original exception: graphql-core wraps each error once or twice to add its location and path."""
    while isinstance(error, GraphQLError) and error.original_error is not None:
        error = error.original_error
    return error


def _extensions(error: ParleyError) -> dict[str, Any]:
    field = [to_camel_case(step) for step in error.field]
    return {**error.extensions, "field": field} if field else dict(error.extensions)


def _formatted(error: GraphQLError, **extensions: Any) -> FormattedError:
    return {**error.formatted, "extensions": {**extensions, **(error.extensions or {})}}


def _report(error: Exception, operation_name: str | None, path: list[str | int] | None) -> str:
    causes = list(_causes(error))
    reference, unreported = _faults.record(repr(causes))
    if unreported is not None:
        more = {"repeated": unreported} if unreported else {}
        name = operation_name and operation_name[:LONGEST_NAME]
        log.error("unexpected_error", reference=reference, operation=name, path=path, cause=causes, **more)
    return reference


def _causes(error: BaseException | None) -> Iterator[dict[str, Any]]:
    """The error and its causes, each with its type and frames; database errors also with SQLSTATE and constraint."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)[-SHOWN_FRAMES:]
        details = {name: getattr(error, name, None) for name in ("sqlstate", "constraint_name", "table_name")}
        yield {
            "type": f"{type(error).__module__}.{type(error).__qualname__}",
            "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
            **{name: value for name, value in details.items() if value},
        }
        error = error.__cause__ or error.__context__
