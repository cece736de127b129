"""Root fields: decorators that make a function a query, a mutation or a subscription of the API.

A mutation takes one `input` and annotates what it returns; its payload type, with `userErrors`, is generated here.
Errors that a form can show (`Invalid`, `NotFound`, `Conflict`) are raised and become user errors, as do violations of
the database's rules. Any other error stays a top-level error.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform
from uuid import UUID

import asyncpg
import strawberry
from strawberry.utils.str_converters import to_camel_case, to_snake_case

from gateway.auth.scope import Scope
from gateway.data.entity import entity_of
from gateway.errors import Conflict, Invalid, NotFound, ParleyError, Refused
from gateway.schema.objects import mistakes
from gateway.schema.objects.level import LEVEL_RESOLVER, Lookup
from gateway.schema.types import describe
from gateway.schema.types.requires import EXISTING, requiring, with_who_may
from gateway.schema.types.signature import INFO, parameters_of, signed
from gateway.schema.types.typing import enum_type, object_type

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["query", "mutation", "subscription"]


@enum_type
class UserErrorCode(enum.Enum):
    """The kind of a user error."""

    INVALID = "INVALID"
    """A value is invalid. `field` names it."""

    NOT_FOUND = "NOT_FOUND"
    """The object does not exist, or belongs to another user."""

    CONFLICT = "CONFLICT"
    """The current state of the object does not allow this. The payload contains that state if it is known."""


@object_type
class UserError:
    """Why a mutation changed nothing, in a form that can be shown to a person."""

    code: UserErrorCode
    """The kind of error, for programs."""
    field: list[str] | None
    """The path of the invalid value in `input`, such as `["email"]`; null if no single value is at fault."""
    message: str
    """The reason, to be shown to a person."""

    @classmethod
    def of(cls, error: ParleyError) -> UserError:
        path = [to_camel_case(step) for step in error.field]
        return cls(code=UserErrorCode(error.code), field=path or None, message=error.message)


def query(function: F) -> F:
    """Make a function a field of Query. Agents need the scope `read` for it, as for every query."""
    return _mark(function, "query")


def lookup(cls: type, *, is_there: bool = False) -> Callable[[Callable[..., UUID | None]], Any]:
    """Make a field of Query that finds one object of an entity by a key.

    The function computes the key from the context and the field's arguments, without a query. The field is null if the
    key is None or no object has it. With `is_there`, every key that the function returns is known to have an object,
    whose row then need not be read if only its id is selected.
    """

    def declare(key: Callable[..., UUID | None]) -> Callable[..., Any]:
        async def find(info: Any, **arguments: Any) -> Any:
            id = key(info.context, **arguments)
            return None if id is None else await info.context.find(info, cls, id)

        find.__name__, find.__module__, find.__doc__ = key.__name__, key.__module__, key.__doc__
        _context, *parameters = parameters_of(key)
        signed(find, (INFO, *parameters), cls | None)
        find.__lookup__ = Lookup(entity_of(cls), key, is_there)  # type: ignore[attr-defined]
        return _mark(find, "query")

    return declare


def mutation(*, scope: Scope | tuple[Scope, ...] | None, existing: bool = False) -> Callable[[F], F]:
    """Make a function a field of Mutation.

    `scope` is what an agent's token needs to call it: one scope, or one of several. `person` refuses all agents; None
    is for what needs no token at all. Its return annotation is an entity, a list of one (`list[Message | None]`), a
    `payload` class or None.

    `existing` says that it returns objects that were there before, with what others may have written. To see more of
    them than what each change writes, an agent's token also needs `read`.
    """
    return functools.partial(_mark, kind="mutation", scope=scope, existing=existing)


def subscription(*, scope: Scope | tuple[Scope, ...]) -> Callable[[F], F]:
    """Make a function a field of Subscription. It returns an async iterator of events. `scope` is as for `mutation`."""
    return functools.partial(_mark, kind="subscription", scope=scope)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def payload(cls: type[T]) -> type[T]:
    """Declare what a mutation returns if that is more than one object. Its fields become those of the payload type."""
    cls.__payload__ = True  # type: ignore[attr-defined]
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


def root_kind(subject: object) -> Kind | None:
    """The root type that a function belongs to, if any."""
    return getattr(subject, "__root__", None)


def root_field(function: Callable[..., Any]) -> Any:
    """Make the Strawberry field of a marked function."""
    match root_kind(function):
        case "query":
            metadata = dict(getattr(function, "__metadata__", {}))
            if hasattr(function, "__lookup__"):
                metadata[LEVEL_RESOLVER] = function.__lookup__
            return strawberry.field(resolver=function, description=describe.summary(function), metadata=metadata)
        case "mutation":
            return _mutation_field(function)
        case _:
            return _subscription_field(function)


def _mark(function: F, kind: Kind, scope: Scope | tuple[Scope, ...] | None = None, *, existing: bool = False) -> F:
    function.__root__ = kind  # type: ignore[attr-defined]
    function.__existing__ = existing  # type: ignore[attr-defined]
    scopes = scope if isinstance(scope, tuple) else () if scope is None else (scope,)
    function.__scopes__ = scopes  # type: ignore[attr-defined]
    return function


def scopes_of(function: Callable[..., Any]) -> tuple[Scope, ...]:
    """The scopes of which an agent needs one to call a mutation or a subscription; empty if it needs no token."""
    scopes: tuple[Scope, ...] = getattr(function, "__scopes__", ())
    return scopes


def _mutation_field(function: Callable[..., Any]) -> Any:
    hints = typing.get_type_hints(function)
    payload_class, fill = _payload(function.__name__, hints["return"])
    # The argument has the description of its input type.
    description = hints["input"].__strawberry_definition__.description
    object_class, below = _object_of(hints["return"])
    shown = getattr(object_class, "__entity__", None)
    below = to_camel_case(below)

    async def resolve(info: Any, input: Any) -> Any:
        if shown is not None:
            info.context.show(info, shown, below)
        try:
            return fill(await function(info, input=input), [])
        except (Invalid, NotFound, Conflict, Refused) as error:
            errors = await mistakes.of_error(info.context, error, shown)
            return fill(_current(info.context, error), [UserError.of(each) for each in errors])
        except asyncpg.PostgresError as error:
            errors = await mistakes.of_refusal(info.context, error)
            if not errors:
                raise
            return fill(None, [UserError.of(each) for each in errors])

    resolve.__annotations__ = {
        "info": strawberry.Info,
        "input": Annotated[hints["input"], strawberry.argument(description=description)],
        "return": payload_class,
    }
    scopes = scopes_of(function)
    description = with_who_may(describe.summary(function), scopes)
    return strawberry.field(
        resolver=resolve,
        description=description,
        directives=requiring(scopes),
        metadata={EXISTING: getattr(function, "__existing__", False)},
    )


def _current(context: Any, error: ParleyError) -> Any:
    """What an error shows in the payload. An agent that may not read does not see what others wrote."""
    if isinstance(error, Conflict) and error.is_foreign and not context.may_read:
        return None
    return getattr(error, "current", None)


def _object_of(returns: Any) -> tuple[Any, str]:
    """The class of what a mutation returns, and the name of the field that shows it."""
    if typing.get_origin(returns) is not list:
        return returns, to_snake_case(getattr(returns, "__name__", ""))
    (item,) = typing.get_args(returns)
    cls = typing.get_args(item)[0]
    return cls, describe.plural(to_snake_case(cls.__name__))


def _payload(name: str, returns: Any) -> tuple[type, Callable[[Any, list[UserError]], Any]]:
    """The payload type of a mutation, and the function that fills it."""
    errors = strawberry.field(description="Every error that a person can correct. Empty if the mutation succeeded.")
    if returns is type(None):
        fields: dict[str, tuple[Any, str]] = {}
    elif hasattr(returns, "__payload__"):
        steps, hints = dataclasses.fields(returns), typing.get_type_hints(returns)
        # A class that is made at run time has no source.
        texts = {step.name: step.metadata["description"] for step in steps if step.metadata}
        texts = texts or describe.attributes(returns)
        fields = {step.name: (hints[step.name], texts[step.name]) for step in steps}
    elif typing.get_origin(returns) is list:
        text = "The objects in the order of `items`; null for an item that was refused. Null if nothing was written."
        fields = {_object_of(returns)[1]: (returns, text)}
    else:
        text = "The object in its current state; null if there is none to return."
        fields = {_object_of(returns)[1]: (returns, text)}
    title = name.title().replace("_", "")
    body: dict[str, Any] = {key: strawberry.field(description=text) for key, (_, text) in fields.items()}
    annotations = {key: of | None for key, (of, _) in fields.items()} | {"user_errors": list[UserError]}
    cls = type(f"{title}Payload", (), {**body, "user_errors": errors, "__annotations__": annotations})
    made = strawberry.type(cls, description=f"The result of `{to_camel_case(name)}`.")

    def fill_with_object(result: Any, user_errors: list[UserError]) -> Any:
        return made(**dict.fromkeys(fields, result), user_errors=user_errors)

    def fill_from_payload(result: Any, user_errors: list[UserError]) -> Any:
        return made(**{key: getattr(result, key, None) for key in fields}, user_errors=user_errors)

    return made, fill_from_payload if hasattr(returns, "__payload__") else fill_with_object


def _subscription_field(function: Callable[..., Any]) -> Any:
    async def resolve(info: Any, **arguments: Any) -> Any:
        # Returned unchanged: `gateway.live` recognises a `Feed` by its class.
        return await function(info, **arguments)

    signed(resolve, parameters_of(function), typing.get_type_hints(function)["return"])
    scopes = scopes_of(function)
    description = with_who_may(describe.summary(function), scopes)
    return strawberry.subscription(resolver=resolve, description=description, directives=requiring(scopes))
