"""Provider keys: API keys of model providers, which the user gives to Parley and nobody reads back.

A key is sealed before it is stored (`gateway.vault`). No field of the API returns it; workers use `open_key`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import partial
from typing import Any, cast
from uuid import UUID

import strawberry

from gateway import (
    BigInt,
    CannotOpen,
    Conflict,
    Info,
    Invalid,
    Node,
    NotAllowed,
    NotFound,
    RowSecrets,
    Statements,
    Unanswered,
    UniqueViolationError,
    bound_to,
    change,
    entity,
    expected_version,
    id_of,
    input_type,
    made_before,
    mutation,
    one,
    open_key_by_id,
    page,
    payload,
    record_key_use,
    secret,
    sql,
    standard,
    values_of,
    with_secrets,
)
from resolvers.accounts.provider_address import headers, models_url, server_mistake
from resolvers.accounts.provider_config import ProviderConfig

_API_KEY = secret(r"[!-~]{1,1000}", "An API key has 1 to 1000 visible ASCII characters, without spaces.")


@entity("provider_keys", order="-created_at", restorable=False)
class ProviderKey(Node):
    """An API key of a model provider. The key itself is stored sealed, and cannot be read back."""

    provider: str
    """The model provider, that of the configuration."""
    key_name: str
    """What the user calls the key. No two keys of a provider have the same name."""
    last_four: str
    """The last four characters of the key, to recognise it by; empty if it has fewer than 12."""
    is_active: bool
    """Whether calls may use the key."""
    is_default: bool
    """Whether calls use this key rather than a newer one. At most one key of a configuration is the default."""
    last_used_at: datetime.datetime | None
    """When the key was last sent to its provider, to the minute; null if it was not, as after it is replaced. A use is
    no change: `version` stays the same."""
    expires_at: datetime.datetime | None
    """When calls stop using the key; null for never."""
    deleted_at: datetime.datetime | None
    """When it was deleted, and the key itself destroyed; null if it is not deleted."""

    config = one("ProviderConfig", key="provider_config_id")
    """The configuration of the provider."""
    usage_logs = page("UsageLog", by="api_key_id")
    """The model calls that used the key, newest first."""


class ProviderKeyInput:
    """The fields of a provider key that a client may change."""

    key_name: str | None = None
    """The name of the key, 1 to 100 characters. Another key of the provider must not have it. Defaults to
    `My API Key`."""
    is_active: bool | None = None
    """Whether calls may use the key. Defaults to true."""
    is_default: bool | None = None
    """Whether calls use this key rather than a newer one. True takes it from the other. Defaults to false."""
    expires_at: datetime.datetime | None = None
    """When calls stop using the key, a time in the future. Null for never."""


standard(ProviderKey, input=ProviderKeyInput, without=("create",), within="provider_configs", scope="person")


@input_type
class CreateProviderKeyInput:
    """A new API key. Set its provider or its configuration."""

    api_key: str
    """The key, 1 to 1,000 visible ASCII characters. It is sealed for the server of the present `baseUrl`, and never
    returned."""
    server: str | None = strawberry.UNSET
    """The server that the key is for, as the person sees it: `https://api.example.com`, or a URL that begins with it.
    It must be that of the configuration's `baseUrl` or, if there is none, the provider's own. Required if there is a
    `baseUrl`."""
    id: strawberry.ID | None = strawberry.UNSET
    """The id of the new object, a UUID. Sent again with the same values, nothing new is created."""
    provider: str | None = strawberry.UNSET
    """The model provider, such as `openai`. If it has no configuration yet, one is created."""
    provider_config_id: strawberry.ID | None = strawberry.UNSET
    """The configuration of the provider, instead of `provider`."""
    key_name: str | None = strawberry.UNSET
    """The name of the key, 1 to 100 characters. Another key of the provider must not have it. Defaults to
    `My API Key`."""
    is_default: bool | None = strawberry.UNSET
    """Whether calls use this key rather than a newer one. True takes it from the other. Defaults to false."""
    expires_at: datetime.datetime | None = strawberry.UNSET
    """When calls stop using the key, a time in the future. Null for never."""


@mutation(scope="person")
async def create_provider_key(info: Info, input: CreateProviderKeyInput) -> ProviderKey:
    """Store an API key. Sent again with the same id, values and key, it returns the same object."""
    context, key = info.context, _API_KEY.read(input.api_key, "api_key")
    values = values_of(input, without=("api_key", "server"))
    provider, config_id = values.pop("provider", None), values.get("provider_config_id")
    if (provider is None) is (config_id is None):
        raise Invalid("Set either the provider or the configuration.", field="provider")
    if provider is not None:
        await context.refuse_invalid(ProviderConfig, {"provider": provider})
    async with context.autocommit() as db:
        found = await _for_key(db, provider, config_id)
        mistake = server_mistake(input.server or None, found["provider"], found["base_url"])
        # Sent again, the request is answered as before, wherever the base URL leads by now.
        if mistake is not None and ("id" not in values or await db.get(ProviderKey, values["id"]) is None):
            mistake.values = values
            raise mistake
        details = bound_to(found["provider"], found["base_url"])
        secrets = RowSecrets(context.vault, {"sealed_key": key})
        row = await with_secrets(db, ProviderKey, values, secrets, provider, details=details)
    async with context.transaction() as db:
        row["provider_config_id"] = found["config_id"] or await _configured(db, found["provider"])
        row["last_four"] = key.last_four
        try:
            async with db.savepoint():
                return await db.insert(ProviderKey, row)
        except UniqueViolationError as error:
            return await made_before(db, ProviderKey, row, error)


@input_type
class ReplaceProviderKeyInput:
    """The API key to store in the place of another, such as after a rotation."""

    id: strawberry.ID
    """The id of the provider key, a UUID."""
    api_key: str
    """The new key, 1 to 1,000 visible ASCII characters. The old one is destroyed. It is stored for the server of the
    present `baseUrl`."""
    server: str | None = strawberry.UNSET
    """The server that the key is for, as the person sees it: `https://api.example.com`, or a URL that begins with it.
    It must be that of the configuration's `baseUrl` or, if there is none, the provider's own. Required if there is a
    `baseUrl`."""
    expected_version: BigInt | None = strawberry.UNSET
    """The `version` that the object must have; otherwise nothing changes. Defaults to any version."""


@mutation(scope="person")
async def replace_provider_key(info: Info, input: ReplaceProviderKeyInput) -> ProviderKey:
    """Replace the key itself. Its name, its expiry and its usage stay, and the old key is destroyed."""
    id, key, expected = id_of(input.id), _API_KEY.read(input.api_key, "api_key"), expected_version(input)
    values, guard = {"last_four": key.last_four}, {"deleted_at": None}
    secrets = RowSecrets(info.context.vault, {"sealed_key": key}, partial(_details, input.server or None))
    async with info.context.autocommit() as db:
        return await change(db, ProviderKey, id, values, expected=expected, guard=guard, secrets=secrets)


async def _details(server: str | None, db: Statements, id: UUID) -> tuple[str, ...] | None:
    """What a stored key is bound to. Raises `Invalid` if the server is not the one that the key is for."""
    found = await db.row(sql.accounts.provider_key.place, id=id)
    if found is None:
        return None
    if (mistake := server_mistake(server, found["provider"], found["base_url"])) is not None:
        raise mistake
    return bound_to(found["provider"], found["base_url"])


@input_type
class TestProviderKeyInput:
    """The provider key to try out."""

    id: strawberry.ID
    """The id of the provider key, a UUID."""


@payload
class TestedKey:
    ok: bool
    """Whether the provider accepted the key."""
    status: int | None
    """The HTTP status of the provider's answer; null if there was none."""
    message: str
    """The outcome in words, for the user. It contains nothing that the provider said."""
    provider_key: ProviderKey
    """The provider key in its current state."""


@mutation(scope="person")
async def test_provider_key(info: Info, input: TestProviderKeyInput) -> TestedKey:
    """Ask the provider for its models with a key, to learn whether it accepts the key. Nothing is charged for it.

    The request goes to `<baseUrl>/models`, or to the provider's own address if its configuration has no `baseUrl`. A
    user may do so about 20 times in ten minutes.
    """
    context, id = info.context, id_of(input.id)
    async with context.autocommit() as db:
        key = await _existing(db, id)
    ok, status, message = await _tried(info, id)
    async with context.autocommit() as db:
        current = await db.get(ProviderKey, id) or key
    return TestedKey(ok=ok, status=status, message=message, provider_key=current)


async def _tried(info: Info, id: UUID) -> tuple[bool, int | None, str]:
    """Whether a provider accepts a key, the status of its answer, and the outcome in words."""
    try:
        opened = await open_key_by_id(info.context, id)
    except CannotOpen:
        return False, None, _UNOPENED
    if opened is None:
        raise NotFound("There is no such provider key.", field="id")
    url = models_url(opened.provider, opened.base_url)
    if url is None:
        return False, None, "Set the baseUrl of the provider's configuration: its address is not known."
    try:
        answer = await info.context.outgoing.get(
            url, headers(opened.provider, opened.secret), caller=str(info.context.user_id)
        )
    except NotAllowed as error:
        return False, None, str(error)
    except Unanswered as error:
        if error.is_sent:
            await record_key_use(info.context, opened)
        return False, None, str(error)
    await record_key_use(info.context, opened)
    ok = 200 <= answer.status < 300
    return ok, answer.status, _OUTCOMES.get(answer.status) or _outcome(answer.status)


_UNOPENED = "The stored key cannot be opened: the baseUrl led to another server then, or it is damaged. Replace it."
_OUTCOMES = {
    401: "The provider refuses the key.",
    403: "The provider refuses the key, or the key may not list models.",
    404: "The provider has no list of models at this address.",
    429: "The provider accepts no more requests at the moment.",
}


def _outcome(status: int) -> str:
    match status // 100:
        case 2:
            return "The provider accepts the key."
        case 3:
            return "The address leads to another one, which is not followed."
        case 5:
            return "The provider has a fault at the moment."
        case _:
            return "The provider does not understand the request."


async def _for_key(db: Statements, provider: str | None, config_id: UUID | None) -> Mapping[str, Any]:
    """The provider and the configuration of a new key. The configuration is None if there is none yet."""
    found = await db.row(sql.accounts.provider_config.for_key, provider=provider, config_id=config_id)
    if found is None or found["provider"] is None:
        raise NotFound("There is no such provider configuration.", field="provider_config_id")
    return cast("Mapping[str, Any]", found)


async def _configured(db: Statements, provider: str) -> UUID:
    """The configuration of a provider, which is created unless another request was first."""
    try:
        async with db.savepoint():
            made = await db.insert(ProviderConfig, {"provider": provider})
            return cast("UUID", made.id)
    except UniqueViolationError:
        return cast("UUID", (await _for_key(db, provider, None))["config_id"])


async def _existing(db: Statements, id: UUID) -> ProviderKey:
    """The caller's key. Raises `NotFound`, or `Conflict` if it is deleted."""
    key = await db.get(ProviderKey, id)
    if key is None:
        raise NotFound("There is no such provider key.", field="id")
    if key.deleted_at is not None:
        raise Conflict("This provider key is deleted.", field="id", current=key)
    return key
