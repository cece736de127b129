"""When two answers to one operation are the same.

*Data* is equal in every case, with its numbers' kinds and the order of its keys: a value that fails where null is not
allowed makes the nearest nullable value null, however the resolvers' work interleaves.

*Errors* need not be equal. When several values fail below one that becomes null, graphql-core reports whichever was
first, and forgets what fails there afterwards; what is first depends on the turns of the event loop. So:

- Where all resolvers answer at once, there is one order, and the errors must be equal, in that order (`check_equal`).
- Where some answer later (`check_agree`), call the value that an error makes null its target: the failing value itself
  or the nearest above it that may be null. Of all errors that there could be, an answer must report

  1. none that there could not be, by path, message, locations and cause;
  2. one for each target that the data shows as null, or nothing would explain that null;
  3. no two for one target: the second would be of a value that is null already.

  Where a target has but one possible error, 1 and 2 leave no choice: there the errors are equal, as a set. Errors whose
  target lies inside what another made null may be reported or not; they depend on the order.

All errors that there could be come from graphql-core too, run so that errors do not propagate (`Everything`): each
value is then tried, and reports itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, is_non_null_type
from graphql.execution.executor import CollectedErrors
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental

from gateway.execution.complete import Answer

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, as far as a client or the log can tell it from another."""

    path: Path
    message: str
    locations: tuple[tuple[int, int], ...]
    cause: str

    @classmethod
    def of(cls, error: GraphQLError) -> Failure:
        cause: BaseException = error
        while isinstance(cause, GraphQLError) and cause.original_error is not None:
            cause = cause.original_error
        extensions = json.dumps(error.extensions, sort_keys=True, default=str)
        locations = tuple((location.line, location.column) for location in error.locations or ())
        return cls(tuple(error.path or ()), error.message, locations, f"{type(cause).__name__} {extensions}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an operation: its data as it is sent, and its errors."""

    data: str
    failures: tuple[Failure, ...]

    @classmethod
    def of(cls, result: ExecutionResult) -> Outcome:
        # Text, because to Python 1 is True and 1.0, and the order of keys is nothing. No data at all is unserialisable.
        sent = orjson.loads(Answer(result.data).bytes()).get("data", "(cannot be sent)")
        return cls(json.dumps(sent), tuple(map(Failure.of, result.errors or ())))

    @property
    def content(self) -> Any:
        return json.loads(self.data)


@dataclass(frozen=True, slots=True)
class Possible:
    """All errors that an operation could report, each with the value that it makes null."""

    targets: Mapping[Failure, Path | None]

    def target(self, failure: Failure) -> Path | None:
        assert failure in self.targets, f"There could be no such error: {failure}"
        return self.targets[failure]


class _All(CollectedErrors):
    """Also the errors of what is null already, such as an item of a list that broke off before the item came."""

    def add(self, error: GraphQLError, path: Any) -> None:
        self.errors.append(error)


class Everything(ExecutorThrowingOnIncremental):
    """graphql-core's executor, made to try every value, which notes those that may be null."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.error_propagation = False
        self.collected_errors = _All()
        self.nullable: dict[Path, bool] = {}

    def complete_value(self, return_type: Any, field_details_list: Any, info: Any, path: Any, *rest: Any) -> Any:
        self._note(return_type, path)
        return super().complete_value(return_type, field_details_list, info, path, *rest)

    def handle_field_error(self, raw_error: Any, return_type: Any, field_details_list: Any, path: Any) -> None:
        self._note(return_type, path)
        super().handle_field_error(raw_error, return_type, field_details_list, path)

    def _note(self, of: Any, path: Any) -> None:
        # A value is completed as what it is first, and then as what may not be null inside of that.
        self.nullable.setdefault(tuple(path.as_list()), not is_non_null_type(of))

    def possible(self) -> Possible:
        failures = map(Failure.of, self.collected_errors.errors)
        return Possible({failure: self._target(failure.path) for failure in failures})

    def _target(self, path: Path) -> Path | None:
        """The nearest nullable value; None for the data as a whole."""
        while path:
            if self.nullable[path]:
                return path
            path = path[:-1]
        return None


def check_equal(ours: Outcome, theirs: Outcome) -> None:
    """The answers must be the same to the letter."""
    assert ours == theirs


def check_agree(ours: Outcome, theirs: Outcome, possible: Possible) -> None:
    """The answers must be the same as far as the order of events leaves them no choice."""
    assert ours.data == theirs.data
    for outcome in (theirs, ours):
        found = [possible.target(failure) for failure in outcome.failures]
        assert len(found) == len(set(found)), f"Two errors made the same value null: {outcome.failures}"
        silent = [path for path in _visible(possible.targets.values(), outcome.content) if path not in found]
        assert not silent, f"Nothing says why {silent} are null: {outcome.failures}"


def _visible(targets: Iterable[Path | None], data: Any) -> list[Path | None]:
    """The targets that the data shows: those that are not inside of another null."""
    return [target for target in targets if _is_shown(target, data)]


def _is_shown(target: Path | None, data: Any) -> bool:
    for step in target or ():
        if data is None:
            return False
        data = data[step]
    assert data is None
    return True
