"""Provider configurations: how the user's calls reach a provider of models. Secrets are in provider keys."""

from __future__ import annotations

import datetime
from typing import Any

import strawberry

from gateway import (
    JSON,
    BigInt,
    Info,
    Invalid,
    Node,
    NotAllowed,
    change,
    create,
    entity,
    expected_version,
    id_of,
    input_type,
    mutation,
    page,
    queried,
    sql,
    standard,
    values_of,
)


@input_type
class ProviderConfigFilter:
    """Conditions for a list of provider configurations. Each item meets all that are set."""

    provider: list[str] | None = None
    """Of one of these providers."""
    is_active: bool | None = None
    """Whether it is active."""


@entity("provider_configs", order="provider", filter=ProviderConfigFilter)
class ProviderConfig(Node):
    """How the user's calls reach a model provider. Each provider has at most one configuration."""

    provider: str
    """The model provider, such as `openai`. It never changes."""
    settings: JSON
    """Settings that are not secret, an object, such as the organization or the region."""
    base_url: str | None
    """The URL of the provider's API, such as `https://api.example.com/v1`; null for the provider's own address."""
    default_model: str | None
    """The model of new conversations with this provider that name none; null for the user's `defaultModel`."""
    is_active: bool
    """Whether calls may use the configuration."""
    is_default: bool
    """Whether new conversations that name no provider use this one. At most one configuration is the default."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null if it is not deleted."""

    keys = page("ProviderKey", by="provider_config_id")
    """The API keys, newest first."""
    current_key = queried("ProviderKey", sql.accounts.provider_key.current, by="provider_config_id")
    """The key that calls use: the default one if it is active and has not expired, else the newest such key. Null if
    there is none."""
    models = queried("LlmModel", sql.accounts.provider_config.models)
    """The models of the provider that are not retired, best first, at most 200."""


@input_type
class ProviderConfigInput:
    """What a client may set and change of a provider configuration."""

    settings: JSON | None = strawberry.UNSET
    """Settings that are not secret, an object of up to 64 KiB. Names that look like those of keys, tokens or passwords
    are refused: these belong into a `ProviderKey`."""
    base_url: str | None = strawberry.UNSET
    """The URL of the provider's API, without credentials and query, up to 2,048 characters. It begins with `https://`,
    and its host must be public unless the operator allows its network. Keys that were stored while it led to another
    server (scheme, host and port) cannot be used until they are replaced."""
    default_model: str | None = strawberry.UNSET
    """The model of new conversations with this provider that name none, up to 100 characters."""
    is_active: bool | None = strawberry.UNSET
    """Whether calls may use the configuration. Defaults to true."""
    is_default: bool | None = strawberry.UNSET
    """Whether new conversations that name no provider use this one. True takes it from the other. Requires `isActive`.
    Defaults to false."""


@input_type
class CreateProviderConfigInput(ProviderConfigInput):
    """The values of a new provider configuration. Omitted fields take their defaults."""

    provider: str
    """The model provider, such as `openai`: 1 to 50 lower-case letters, digits, hyphens or underscores. It cannot be
    changed."""
    id: strawberry.ID | None = strawberry.UNSET
    """The id of the new object, a UUID. Sent again with the same values, nothing new is created."""


@input_type
class UpdateProviderConfigInput(ProviderConfigInput):
    """Changes to a provider configuration. Omitted fields keep their values; null clears or resets a field."""

    id: strawberry.ID
    """The id of the provider configuration, a UUID."""
    expected_version: BigInt | None = strawberry.UNSET
    """The `version` that the object must have; otherwise nothing changes. Defaults to any version."""


@input_type
class SetDefaultProviderConfigInput:
    """The provider configuration to make the default, and optionally the version it must have."""

    id: strawberry.ID
    """The id of the provider configuration, a UUID."""
    expected_version: BigInt | None = strawberry.UNSET
    """The `version` that the object must have; otherwise nothing changes. Defaults to any version."""


standard(ProviderConfig, without=("create", "update"), scope="person")


@mutation(scope="person")
async def create_provider_config(info: Info, input: CreateProviderConfigInput) -> ProviderConfig:
    """Create a provider configuration. Sent again with the same id and values, it returns the same object."""
    values = values_of(input)
    await _refuse_private(info, values)
    async with info.context.autocommit() as db:
        return await create(db, ProviderConfig, values)


@mutation(scope="person")
async def update_provider_config(info: Info, input: UpdateProviderConfigInput) -> ProviderConfig:
    """Update a provider configuration. A deleted one must be restored first."""
    values = values_of(input, without=("expected_version",), nulls=True)
    id = values.pop("id")
    if not values:
        raise Invalid("Set at least one value to change.")
    await _refuse_private(info, values)
    async with info.context.autocommit() as db:
        guard = {"deleted_at": None}
        return await change(db, ProviderConfig, id, values, expected=expected_version(input), guard=guard)


@mutation(scope="person")
async def set_default_provider_config(info: Info, input: SetDefaultProviderConfigInput) -> ProviderConfig:
    """Make a provider configuration the default of new conversations, instead of the one that is. It must be active."""
    async with info.context.autocommit() as db:
        return await change(
            db,
            ProviderConfig,
            id_of(input.id),
            {"is_default": True},
            expected=expected_version(input),
            guard={"deleted_at": None},
        )


async def _refuse_private(info: Info, values: dict[str, Any]) -> None:
    """Raise `Invalid` if the base URL leads to an address that must not be connected to, as far as it shows that."""
    if (url := values.get("base_url")) is None:
        return
    # First the rules of the database, which say what a URL looks like.
    await info.context.refuse_invalid(ProviderConfig, values)
    try:
        info.context.outgoing.check(url)
    except NotAllowed as error:
        raise Invalid(str(error), field="base_url", values=values) from None
