"""The tokens by which agents act for a user, within the scopes that the user gave them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import strawberry

from gateway import (
    Conflict,
    Info,
    Node,
    NotFound,
    Statements,
    UniqueViolationError,
    described_scopes,
    entity,
    id_of,
    input_type,
    made_before,
    mutation,
    payload,
    sql,
    standard,
    values_of,
    with_request_hash,
)
from resolvers.accounts.session import new_id


@entity("agent_tokens", order="-created_at")
class AgentToken(Node):
    """A token by which an agent acts for the user. The token itself is shown only when it is created."""

    name: str
    """What the user calls it."""
    scopes: list[str]
    """What the token allows, such as `read` and `tools:propose`. `@requires` names the scope of each field."""
    last_four: str
    """The last four characters of the token, by which the user can tell it from others."""
    last_used_at: datetime.datetime | None
    """When it was last used, to within two minutes; null if never."""
    expires_at: datetime.datetime
    """When it expires."""
    revoked_at: datetime.datetime | None
    """When it was revoked; null if it was not."""


@input_type
class CreateAgentTokenInput:
    """A new token for an agent."""

    name: str
    """What the user calls the agent or its purpose, 1 to 100 characters."""
    scopes: list[str] = strawberry.field(
        description=f"What it allows: {described_scopes()} Not both of `tools:execute` and `tools:approve`, nor both "
        "of `confirmations:propose` and `confirmations:decide`. Without `read`, what updates, deletes or restores an "
        "object returns only its `id`, `version`, `updatedAt` and `deletedAt`."
    )
    id: strawberry.ID | None = None
    """The id of the new object, a UUID. Sent again with the same values, nothing new is created."""
    expires_at: datetime.datetime | None = None
    """When it expires, within 366 days. Defaults to 90 days from now."""


@payload
class CreatedAgentToken:
    agent_token: AgentToken
    """The new object."""
    token: str | None
    """The token. It is shown this once: send it as an access token is sent, and keep it secret. Null if the same
    request created it before; then revoke it and create another one."""


@mutation(scope="person")
async def create_agent_token(info: Info, input: CreateAgentTokenInput) -> CreatedAgentToken:
    """Create a token for an agent. At most 100 can be in force.

    Sent again with the same id and values, it returns the same object, without the token.
    """
    row = with_request_hash(values_of(input))
    row.setdefault("id", await new_id(info))
    token = info.context.authenticator.issue_to_agent(info.context.user_id, row["id"])
    row |= {"hash": token.hash, "last_four": token.text[-4:]}
    async with info.context.autocommit() as db:
        try:
            return CreatedAgentToken(agent_token=await db.insert(AgentToken, row), token=token.text)
        except UniqueViolationError as error:
            return await _made_before(db, row, error)


async def _made_before(db: Statements, row: Mapping[str, Any], error: UniqueViolationError) -> CreatedAgentToken:
    try:
        return CreatedAgentToken(agent_token=await made_before(db, AgentToken, row, error), token=None)
    except Conflict as conflict:
        if conflict.current is not None:
            conflict.current = CreatedAgentToken(agent_token=conflict.current, token=None)
        raise


@input_type
class RevokeAgentTokenInput:
    """The agent token to revoke, of the caller's own."""

    id: strawberry.ID
    """The id of the agent token, a UUID."""


@mutation(scope="person")
async def revoke_agent_token(info: Info, input: RevokeAgentTokenInput) -> AgentToken:
    """Revoke the token of an agent, for good. It is refused everywhere within seconds, and its websockets are closed.

    If it is already revoked, it is returned unchanged.
    """
    id = id_of(input.id)
    async with info.context.autocommit() as db:
        revoked = await db.maybe(AgentToken, sql.accounts.agent_token.revoke, id=id)
        current = revoked or await db.get(AgentToken, id)
    if current is None:
        raise NotFound("There is no such agent token.", field="id")
    info.context.authenticator.revocations.add(id)
    return current


standard(AgentToken, without=("create", "update"), scope="person")
