"""The short path, for the most frequent operations: one root field with at most one link below it.

Such an operation has nothing to collect or to merge, so the short path has no levels, no asks and no second pass. One
generated function builds everything below the root field. It expects the usual values and raises for anything else.
The operation then goes on level by level, with what was read or resolved so far, and its errors are located there.

It saves a fifth of the instructions of a point read. `tests/parity` holds its responses to those of the other paths.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from graphql.pyutils import is_awaitable

from gateway.data.batches import Batch
from gateway.data.rows import KeyRow
from gateway.execution.run.compile import compile_member
from gateway.execution.run.leaf import is_ready
from gateway.execution.run.node import AnyLookedUp, Branch
from gateway.execution.run.plan import Selection, Straight
from gateway.execution.run.run import Run
from gateway.execution.run.shape import Leaf, List, Lists, Object, Objects, Shape
from gateway.execution.run.step import (
    LinkStep,
    LookedUp,
    Mapped,
    Paged,
    PerParent,
    Resolved,
    ToMany,
    ToOne,
    ToPages,
)
from gateway.schema.objects.level import PerPage

Member = Callable[[Any, Any], Any]
"""Builds a member of the response from a value and the `Page` batch that it came from, if any."""

_Follow = tuple[LinkStep[Any], Member]
"""A link, and the function that builds the member from what it finds for one object."""

_Found = tuple[Member, _Follow | None]
"""How to build an object that was found: its member, and the link that it has, if any."""


class Unusual(Exception):
    """A value is not one of the usual ones."""


def straight(selection: Selection) -> Straight | None:
    """Compile the short path of a phase; None if the phase is not simple enough."""
    match selection.entries, selection.steps:
        case [entry], [LookedUp() as looked_up]:
            return _finding(entry.key, looked_up)
        case [entry], [AnyLookedUp(several=False) as looked_up_any]:
            return _finding_any(entry.key, looked_up_any)
        case [entry], [Resolved() as resolved]:
            return _resolving(entry.key, resolved)
        case [entry], [LinkStep() as listed] if listed.root_key is not None:
            return _listing(entry.key, listed)
    return None


def _resolving(key: str, resolved: Resolved[Any]) -> Straight | None:
    member = _member(resolved.shape)
    if member is None:
        return None

    async def resolve(run: Run) -> dict[str, Any] | None:
        run.budget.at = resolved.field.path
        try:
            value = resolved.bind(run)(run.root)
            if is_awaitable(value):
                value = await value
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            value = run.failure(error)
        else:
            try:
                data = {key: member(value, None)}
            except Exception:  # noqa: BLE001, S110 - the level-by-level run locates the error
                pass
            else:
                if run.tracked:
                    await run.drain()
                return data
        run.resolved[resolved] = value
        return None

    return resolve


def _finding(key: str, looked_up: LookedUp) -> Straight | None:
    if looked_up.needs_no_row and not looked_up.lookup.is_there:
        return None
    found = _found(looked_up.selection)
    if found is None:
        return None
    member, follow = found

    async def find(run: Run) -> dict[str, Any] | None:
        asked: list[tuple[Batch, Any]] = []
        answers: list[Any] = []
        try:
            id = looked_up.lookup.key(run.context, **looked_up.arguments.of(run))
            row: Any = None
            if id is not None and looked_up.needs_no_row:
                row = KeyRow(id)
            elif id is not None:
                asked.append((looked_up.batch, id))
                run.budget.at = looked_up.field.path
                answers.append(await looked_up.batch.load(run.context.tenant, (id,)))
                row = answers[0].get(id)
            if row is None:
                return {key: _absent(required=looked_up.required)}
            if follow is None:
                return {key: member(row, None)}
            return {key: member(row, await _linked(run, follow, row, asked, answers))}
        except Exception as error:  # noqa: BLE001 - the level-by-level run locates the error
            _keep(run, asked, answers, error)
            return None

    return find


def _listing(key: str, listed: LinkStep[Any]) -> Straight | None:
    follow = _following(listed)
    if follow is None:
        return None
    link, write = follow

    async def list_rows(run: Run) -> dict[str, Any] | None:
        try:
            batch, parent = link.asks(run, run.root)
        except Exception:  # noqa: BLE001 - the level-by-level run locates the error
            return None
        run.budget.at = link.field.path
        answer: Any = None
        try:
            answer = await batch.load(run.context.tenant, (parent,))
            return {key: write(answer.get(parent) or batch.missing(), batch)}
        except Exception as error:  # noqa: BLE001 - the level-by-level run locates the error
            run.keep(batch, parent, error if answer is None else answer)
            return None

    return list_rows


def _finding_any(key: str, looked_up: AnyLookedUp) -> Straight:
    found_by_branch: dict[Branch, _Found | None] = {}

    def found_as(branch: Branch) -> _Found:
        if branch not in found_by_branch:
            found_by_branch[branch] = _found(branch.selection)
        if (found := found_by_branch[branch]) is None:
            raise Unusual
        return found

    async def find(run: Run) -> dict[str, Any] | None:
        asked: list[tuple[Batch, Any]] = []
        answers: list[Any] = []
        try:
            (id,) = looked_up.ids(run)
            asked.append((looked_up.batch, id))
            run.budget.at = looked_up.field.path
            answers.append(await looked_up.batch.load(run.context.tenant, (id,)))
            row = answers[0].get(id)
            if row is None:
                return {key: None}
            member, follow = found_as(looked_up.branches.of_row(row))
            if follow is None:
                return {key: member(row, None)}
            return {key: member(row, await _linked(run, follow, row, asked, answers))}
        except Exception as error:  # noqa: BLE001 - the level-by-level run locates the error
            _keep(run, asked, answers, error)
            return None

    return find


def _found(selection: Selection) -> _Found | None:
    """How to build an object that was found, and its link if it has one; None if it is not simple enough."""
    links = [step for step in selection.steps if isinstance(step, LinkStep)]
    follow = _following(*links) if len(links) == 1 else None
    member = _object(selection, linked=follow is not None)
    return None if member is None else (member, follow)


async def _linked(run: Run, follow: _Follow, row: Any, asked: list[tuple[Batch, Any]], answers: list[Any]) -> Any:
    """The member for the link of a row. Notes what was asked and answered."""
    link, write = follow
    batch, parent = link.asks(run, row)
    linked = None
    if parent is not None:
        asked.append((batch, parent))
        run.budget.at = link.field.path
        answers.append(await batch.load(run.context.tenant, (parent,)))
        linked = answers[-1].get(parent)
    return write(linked or batch.missing(), batch)


def _keep(run: Run, asked: list[tuple[Batch, Any]], answers: list[Any], error: Exception) -> None:
    """Keep what was answered for the level-by-level run, and why the last batch failed if it did."""
    for (batch, id), answer in zip(asked, (*answers, error), strict=False):
        run.keep(batch, id, answer)


def _following(link: LinkStep[Any]) -> _Follow | None:
    """The link, and the function that builds the member from what it finds for one object."""
    member: Member | None = None
    match link.target:
        case ToOne(required=required, selection=selection):
            member = _object(selection)
            if member is not None and not required:
                return link, partial(_nullable, member)
        case ToMany(selection=selection):
            member = _rows(selection)
        case ToPages(selection=selection) if link.reads_rows:
            member = _object(selection)
    return None if member is None else (link, member)


def _member(shape: Shape[Any]) -> Member | None:
    """The function that builds a member of this shape; None if only a level-by-level run can."""
    match shape:
        case Leaf():
            return _leaf(shape)
        case Objects(selection=selection):
            return _object(selection)
        case Object():
            return _checked(shape)
        case Lists(items=Objects(selection=selection)):
            return _rows(selection)
        case List():
            return _list(shape)
    return None


def _leaf(shape: Leaf) -> Member:
    write, required = shape.write, shape.required

    def member(value: Any, _batch: Any) -> Any:
        written = write(value)
        return written if written is not None else _absent(required=required)

    return member


def _list(shape: List) -> Member | None:
    items, required = shape.items, shape.required
    # A list item may be awaitable, and a custom scalar might accept the awaitable as its value.
    if isinstance(items, Leaf) and not is_ready(items.of):
        return None
    item = _member(items)
    if item is None:
        return None

    def member(values: Any, batch: Any) -> Any:
        if type(values) is list:
            return [item(value, batch) for value in values]
        return _absent(required=required or values is not None)

    return member


def _checked(shape: Object) -> Member | None:
    """The function that builds an object, which must be an instance of exactly the type's own class."""
    of = shape.record
    if of is None and shape.of.is_type_of is None:
        definition = shape.of.extensions.get("strawberry-definition")
        of = definition and definition.origin
    if of is None:
        return None
    required = shape.required
    names = {"of": of, "type": type, "other": lambda value: _absent(required=required or value is not None)}
    return _compiled(shape.selection, names, after=" if type(r) is of else other(r)")


def _object(selection: Selection, *, linked: bool = False) -> Member | None:
    """The function that builds an object. If `linked`, its second argument is its link's member, not the batch."""
    return _compiled(selection, {}, linked=linked)


def _rows(selection: Selection) -> Member | None:
    return _compiled(selection, {}, of="s", before="[", after=" for r in s]")


def _compiled(
    selection: Selection,
    names: dict[str, Any],
    *,
    of: str = "r",
    before: str = "",
    after: str = "",
    linked: bool = False,
) -> Member | None:
    values: list[str] = []
    for n, step in enumerate(selection.steps):
        match step:
            case LinkStep() if linked:
                values.append("g")
                continue
            case Mapped(function=function, shape=shape):
                read = f"f{n}(r)"
            case Paged(function=function, shape=shape) if not linked:
                read = f"f{n}(g, r)"
            case PerParent(per_page=per_page, shape=shape) if per_page.known is not None and not linked:
                function = partial(_known, per_page)
                read = f"f{n}(g, r)"
            case _:
                return None
        member = _member(shape)
        if member is None:
            return None
        names |= {f"f{n}": function, f"m{n}": member}
        values.append(f"m{n}({read}, {'None' if linked else 'g'})")
    return compile_member(selection.entries, values, names, of=of, before=before, after=after)


def _known(per_page: PerPage, batch: Any, page: Any) -> Any:
    """A value that the page has without asking another batch."""
    if per_page.known is None or per_page.batch(batch) is not None:
        raise Unusual
    return per_page.known(batch, page)


def _nullable(member: Member, value: Any, batch: Any) -> Any:
    return None if value is None else member(value, batch)


def _absent(*, required: bool) -> Any:
    """The member for a missing value: null, if that is allowed."""
    if required:
        raise Unusual
    return None
