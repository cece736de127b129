"""Generate the function of a selection, which builds response objects from objects and step values.

For `{ id role toolExecutions { … } }` on rows it is

    lambda s, a0: [{"id": text(r[1]), "role": role(r[2]), "toolExecutions": v0} for r, v0 in zip(s, a0)]

One such expression is several times faster than code that decides for each member what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gateway.execution.run.field import Entry, Inline


def compile_build(entries: Sequence[Entry], steps: int) -> Callable[..., list[Any]]:
    """Compile the function that builds response objects, from the objects and the values of so many steps."""
    names: dict[str, Any] = {}
    values = [f"v{n}" for n in range(steps)]
    made = _object(entries, values, names)
    if not values:
        return _evaluate(f"lambda s: [{made} for r in s]", names)
    columns = ", ".join(f"a{n}" for n in range(len(values)))
    return _evaluate(f"lambda s, {columns}: [{made} for r, {', '.join(values)} in zip(s, {columns})]", names)


def compile_member(
    entries: Sequence[Entry], values: Sequence[str], names: dict[str, Any], *, of: str, before: str, after: str
) -> Callable[[Any, Any], Any]:
    """Compile the function from a value, its parameter `of`, and a companion, `g`, to a member of the response.

    The code before and after the object `{ … }` and the expressions for the values of its steps may use `r`, the
    object, `g` and the names.
    """
    names = dict(names)
    return _evaluate(f"lambda {of}, g: {before}{_object(entries, values, names)}{after}", names)


def compile_read(inline: Inline) -> Callable[[Any], Any]:
    """Compile the function that reads one inline member off one object."""
    names: dict[str, Any] = {}
    return _evaluate(f"lambda r: {_code(inline, names)}", names)


def compile_column(code: str) -> Callable[[Sequence[Any]], list[Any]]:
    """Compile the function that evaluates one expression for each object of a level."""
    return _evaluate(f"lambda s: [{code} for r in s]", {})


def _object(entries: Sequence[Entry], values: Sequence[str], names: dict[str, Any]) -> str:
    """The expression for a response object. `values` are those of its steps; names that it uses go into `names`."""
    members = ", ".join(
        f"{entry.key!r}: {values[entry.step or 0] if entry.inline is None else _code(entry.inline, names)}"
        for entry in entries
    )
    return f"{{{members}}}"


def _code(inline: Inline, names: dict[str, Any]) -> str:
    names.update(inline.names)
    return inline.code()


def _evaluate(code: str, names: dict[str, Any]) -> Callable[..., Any]:
    # The code holds only GraphQL names, columns of our own declarations, and positions.
    made: Callable[..., Any] = eval(code, {"__builtins__": {"zip": zip}, **names})  # noqa: S307
    return made
