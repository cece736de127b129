"""Run a plan level by level. Each link is asked once for all objects of its level.

A run proceeds in rounds. It does what it can without waiting, collects batches and awaitables, and waits for all of
them together, equal batches merged into one. Then the steps that depend on the results go on, and may ask for more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from graphql import GraphQLSchema, VariableValues
from graphql.pyutils import is_awaitable

from gateway.data.batches import Batch
from gateway.data.tenancy import Tenant
from gateway.execution.budget import Budget
from gateway.execution.prepare.document import ParsedOperation
from gateway.execution.run.fate import Fate
from gateway.execution.run.field import Field
from gateway.execution.run.info import FieldInfo
from gateway.execution.run.plan import Selection, States, numbered
from gateway.fairness.turns import Turns, caller_of

LARGE_BYTES = 32 * 1024
"""From this size on, as the budget counts, objects are built and written in parts. About 300 objects."""

LONG_BYTES = 256 * 1024
"""From this size on, an operation takes turns with others: its objects take about one stretch of `Turns` to build."""

MANY_KEYS = 50
"""A batch of at least this many keys is a piece of work by itself: another operation may have its turn after it."""

MOST_AT_ONCE = 100
"""How many resolvers of one operation are awaited concurrently."""

_NO_STATE: list[Any] = [None]

OnField = Callable[[Field], None]
"""Called with a field before any query for it is sent to the database."""


class Failure:
    """Stands for the value of a field or list item that failed."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


ABANDONED = Failure(RuntimeError("abandoned, because its parent has failed"))
"""Stands for a value that is no longer awaited, because its parent will be null."""


class Scope:
    """All objects of one selection, and the state of its steps."""

    __slots__ = ("batch", "fate", "keys", "results", "selection", "sources", "states")

    def __init__(
        self, selection: Selection, sources: Sequence[Any], batch: Any, keys: Sequence[UUID], fate: Fate | None
    ) -> None:
        self.selection = selection
        self.sources = sources
        self.batch = batch
        """The `Page` batch that returned the objects, if one did."""
        self.keys = keys
        """If the objects are pages: the keys of their parents."""
        self.states: States = _NO_STATE * len(selection.steps)
        self.results: list[Any] = []
        self.fate = fate
        """The fate of the objects; None if nothing in them is awaited."""


class _Ask(NamedTuple):
    batch: Batch
    keys: Sequence[Any]
    field: Field
    then: Callable[[Mapping[Any, Any]], None]
    fail: Callable[[Exception], None]


@dataclass(slots=True)
class _Wait:
    values: list[Any]
    pending: list[int]
    then: Callable[[], None]
    fate: Fate | None
    """The fate of the values' parents."""
    fails: Callable[[Any], bool] | None
    """Whether a value makes its parent null."""

    def is_unwanted(self, index: int) -> bool:
        """Whether the value will not be in the response."""
        return self.fate is not None and self.fate.is_lost(index)


@dataclass(slots=True)
class _Loaded:
    batch: Batch
    found: Mapping[Any, Any] | Exception
    asked: dict[Any, None]


class Run:
    """One phase of an operation while it runs. Only a mutation may have more than one."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: ParsedOperation,
        variables: VariableValues,
        context: Any,
        root: object,
        turns: Turns | None,
        budget: Budget,
        on_field: OnField | None = None,
    ) -> None:
        self.schema = schema
        self.document = document
        self.variables = variables
        self.context = context
        self.failed = False
        """Whether anything has failed, so that the response needs the second pass."""
        self.scopes: list[Scope] = []
        self.turns = turns
        self.root = root
        self.resolved: dict[Any, Any] = {}
        """Values that the short path has already resolved, by step: their resolvers are not called again."""
        self.on_field = on_field
        self.budget = budget
        self.objects_before = 0
        """Bytes of the objects that existed before this round's batches were asked."""
        self._asks: list[_Ask] = []
        self._waits: list[_Wait] = []
        self._loaded: list[_Loaded] = []
        self.tracked: list[asyncio.Future[Any]] = []
        """Awaitables that resolvers started and do not await themselves."""

    def open(
        self,
        selection: Selection,
        sources: Sequence[Any],
        batch: Any = None,
        keys: Sequence[UUID] = (),
        fate: Fate | None = None,
    ) -> Scope:
        """Open a scope for the objects of a selection, and begin its steps."""
        if fate is None and selection.awaits:
            fate = Fate()
        scope = Scope(selection, sources, batch, keys, fate)
        self.scopes.append(scope)
        if sources:
            budget = self.budget  # `add_objects` inlined
            budget.objects += len(sources) * selection.object_bytes
            if budget.objects > budget.objects_allowed:
                budget.draw()
            for slot, step in numbered(selection.steps):
                step.begin(self, scope, slot)
        return scope

    async def yield_to_others(self) -> None:
        """Let others run before the next piece of a long operation."""
        if self.turns is not None and self.budget.objects >= LONG_BYTES:
            await self.turns.next(caller_of(self.context))

    def ask(
        self,
        batch: Batch,
        keys: Sequence[Any],
        field: Field,
        then: Callable[[Mapping[Any, Any]], None],
        fail: Callable[[Exception], None],
    ) -> None:
        """Ask a batch for keys. Calls `then` with what it found, perhaps for more keys than these, or `fail`."""
        self._asks.append(_Ask(batch, keys, field, then, fail))

    def wait(
        self,
        values: list[Any],
        then: Callable[[], None],
        fate: Fate | None = None,
        fails: Callable[[Any], bool] | None = None,
    ) -> None:
        """Replace the awaitables among the values by their results, then call `then`.

        A value that will not be in the response by its parent's `fate` is not awaited. A value that `fails` makes its
        parent null.
        """
        pending = [index for index, value in enumerate(values) if is_awaitable(value)]
        if pending:
            self._waits.append(_Wait(values, pending, then, fate, fails))
        else:
            then()

    def watched(self, field: Field, value: Any) -> Any:
        """Wrap an awaitable value so that `on_field`, if there is one, is called when it is first awaited."""
        return _notifying(self.on_field, field, value) if self.on_field is not None and is_awaitable(value) else value

    def failure(self, error: Exception) -> Failure:
        """Note that something has failed, and return what stands for the value."""
        self.failed = True
        return Failure(error)

    def info(self, field: Field) -> FieldInfo:
        """The `info` argument for the field's resolvers."""
        return FieldInfo(self, field)

    def track(self, values: Sequence[Any]) -> None:
        """Keep awaitables that a resolver started and does not await itself, until they or the run end."""
        for value in values:
            if is_awaitable(value):
                self.tracked.append(asyncio.ensure_future(value))

    def keep(self, batch: Batch, key: Any, found: Mapping[Any, Any] | Exception) -> None:
        """Remember what a batch found for a key, or why it failed."""
        self._loaded.append(_Loaded(batch, found, {key: None}))

    async def drain(self) -> None:
        """Run rounds until nothing is left to wait for."""
        waits: list[_Wait] = []
        try:
            while self._asks or self._waits:
                self.objects_before = self.budget.objects
                asks, self._asks = self._asks, []
                waits, self._waits = self._waits, []
                if not waits:
                    await self._load(asks)
                elif not asks:
                    await self._await(waits)
                else:
                    await asyncio.gather(self._load(asks), self._await(waits))
        except BaseException:
            for wait in waits:
                for index in wait.pending:
                    self._drop(wait, index)  # a task that was cancelled before its first step did not do so
            raise
        finally:
            self._loaded.clear()
            if self.tracked:
                await _end(self.tracked)

    async def _load(self, asks: list[_Ask]) -> None:
        """Load one batch after the other, on the operation's one connection. Then go on with all results."""
        if len(asks) == 1:
            (ask,) = asks
            answer = await self._answer(ask, ask.keys)
            if len(ask.keys) >= MANY_KEYS:
                await self.yield_to_others()
            return self._go_on(asks, answer)
        together = _merged(asks)
        answers = [await self._answer(equal[0], [key for ask in equal for key in ask.keys]) for equal in together]
        for equal, answer in zip(together, answers, strict=True):
            if sum(len(ask.keys) for ask in equal) >= MANY_KEYS:
                await self.yield_to_others()
            self._go_on(equal, answer)
        return None

    async def _answer(self, ask: _Ask, keys: Sequence[Any]) -> Mapping[Any, Any] | Exception:
        """What the ask's batch finds for the keys, or why it failed."""
        if self.on_field is not None:
            self.on_field(ask.field)
        self.budget.at = ask.field.path
        distinct = dict.fromkeys(keys)
        if len(distinct) < len(keys) and (times := len(keys) - keys.count(None) - len(distinct)) > 0:
            self.budget.add_shared(times, self.objects_before)
        distinct.pop(None, None)
        tenant: Tenant = self.context.tenant
        try:
            for known in self._loaded:
                if known.batch == ask.batch:
                    return await _found_more(known, tenant, distinct)
            found = await ask.batch.load(tenant, list(distinct)) if distinct else {}
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            return error
        self._loaded.append(_Loaded(ask.batch, found, distinct))
        return found

    def _go_on(self, asks: Iterable[_Ask], answer: Any) -> None:
        for ask in asks:
            (ask.fail if isinstance(answer, Exception) else ask.then)(answer)

    async def _await(self, waits: list[_Wait]) -> None:
        work = [(wait, index) for wait in waits for index in wait.pending if not self._is_dropped(wait, index)]
        if len(work) == 1:
            await self._settle(*work[0])
        else:
            await self._settle_all(work)
        for wait in waits:
            wait.then()

    async def _settle(self, wait: _Wait, index: int) -> None:
        try:
            wait.values[index] = await wait.values[index]
        except Exception as error:  # noqa: BLE001 - the boundary of a field
            wait.values[index] = self.failure(error)
        if wait.fate is not None and wait.fails is not None and wait.fails(wait.values[index]):
            self.failed = True
            wait.fate.lose(index)

    async def _settle_all(self, work: list[tuple[_Wait, int]]) -> None:
        """Await values concurrently, up to `MOST_AT_ONCE`, and cancel those that became unwanted."""
        left = iter(work)
        running: dict[asyncio.Task[None], tuple[_Wait, int]] = {}
        try:
            while True:
                for wait, index in left:
                    if self._is_dropped(wait, index):
                        continue
                    running[asyncio.create_task(self._settle(wait, index))] = wait, index
                    if len(running) == MOST_AT_ONCE:
                        break
                if not running:
                    return
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del running[task]
                    task.result()
                if self.failed:
                    await self._give_up(running)
        finally:
            await _end(running)
            for wait, index in left:
                self._drop(wait, index)

    def _is_dropped(self, wait: _Wait, index: int) -> bool:
        """Drop the value if it is unwanted, and say whether it was."""
        if not wait.is_unwanted(index):
            return False
        self._drop(wait, index)
        return True

    def _drop(self, wait: _Wait, index: int) -> None:
        value, wait.values[index] = wait.values[index], ABANDONED
        if isinstance(value, asyncio.Future):
            self.tracked.append(value)
        elif (close := getattr(value, "close", None)) is not None:
            close()  # a coroutine that is never awaited would warn

    async def _give_up(self, running: dict[asyncio.Task[None], tuple[_Wait, int]]) -> None:
        unwanted = {task: at for task, at in running.items() if at[0].is_unwanted(at[1])}
        await _end(unwanted)
        for task, (wait, index) in unwanted.items():
            del running[task]
            if task.cancelled():
                wait.values[index] = ABANDONED


async def _notifying(on_field: OnField, field: Field, value: Awaitable[Any]) -> Any:
    on_field(field)
    return await value


async def _found_more(known: _Loaded, tenant: Tenant, keys: Iterable[Any]) -> Mapping[Any, Any] | Exception:
    """What the batch found, after asking for the keys that it was not asked for before."""
    found = known.found
    missing = [key for key in keys if key not in known.asked]
    if missing and not isinstance(found, Exception):
        known.found = found = {**found, **await known.batch.load(tenant, missing)}
        known.asked.update(dict.fromkeys(missing))
    return found


def _merged(asks: list[_Ask]) -> Collection[list[_Ask]]:
    """The asks, grouped by equal batches."""
    by_batch: dict[Batch, list[_Ask]] = {}
    for ask in asks:
        by_batch.setdefault(ask.batch, []).append(ask)
    return by_batch.values()


async def _end(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel the tasks and wait until they have ended."""
    left = [task for task in tasks if not task.done()]
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left)
