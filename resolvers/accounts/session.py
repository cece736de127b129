"""Sessions: a signed-in device, its refresh token, and the mutations that begin, continue and end one.

A refresh token is used once. One that was used already ends the session, because then two parties hold it; only the
very last one is answered again for some seconds, for a client whose answer was lost.
"""

from __future__ import annotations

import datetime
from typing import Any
from uuid import UUID

import asyncpg
import strawberry

from gateway import (
    Attempt,
    Caller,
    Conflict,
    Info,
    Invalid,
    Node,
    NotFound,
    Stamp,
    Statements,
    Unauthenticated,
    check_password,
    computed,
    entity,
    id_of,
    input_type,
    mutation,
    network_of,
    payload,
    refresh,
    sql,
)
from resolvers.accounts.user import User

_WRONG = "The e-mail address or the password is wrong."
_ENDED = "This session has ended: sign in again."


@entity("sessions", order="-last_used_at")
class Session(Node):
    """A device that is or was signed in."""

    device_id: str
    """The client's id of the device."""
    device_name: str | None
    """What the device is called."""
    user_agent: str | None
    """How its client described itself."""
    last_used_at: datetime.datetime
    """When it was last signed in or refreshed."""
    expires_at: datetime.datetime
    """When it ends if it is not refreshed before."""
    ends_at: datetime.datetime
    """When it ends however often it is refreshed."""
    revoked_at: datetime.datetime | None
    """When it was ended early; null if it was not."""
    revoked_reason: str | None
    """Why it was ended early: `signed_out`, or `refresh_reused` when a used refresh token came again."""

    @computed("ip_address")
    def ip_address(self) -> str | None:
        """The address it was signed in from."""
        return None if self.ip_address is None else str(self.ip_address)

    @computed("id")
    def is_current(self, info: Info) -> bool:
        """Whether it is the caller's own."""
        return info.context.identity is not None and info.context.identity.session_id == self.id


@payload
class SignedIn:
    user: User
    """The user who is signed in."""
    access_token: str
    """Goes into the `Authorization` header as `Bearer …`, and into a websocket's `connectionParams`."""
    refresh_token: str
    """Gives the next access token, once. Keep it secret."""
    expires_at: datetime.datetime
    """When the access token ends."""


@input_type
class SignUpInput:
    """A new account, and the device to sign in."""

    email: str
    """The address to sign in with. Spaces around it are ignored."""
    password: str
    """At least 10 characters."""
    full_name: str | None = None
    """The person's name."""
    username: str | None = None
    """A name to sign in with besides the address."""
    device_id: str | None = None
    """The client's id of the device; a new one if left out."""
    device_name: str | None = None
    """What the device is called."""


@input_type
class SignInInput:
    """An account's address and password, and the device that signs in."""

    email: str
    """The address or the user name of the account. Spaces around it are ignored."""
    password: str
    """The account's password."""
    device_id: str | None = None
    """The client's id of the device; a new one if left out."""
    device_name: str | None = None
    """What the device is called."""


@input_type
class RefreshSessionInput:
    """A refresh token that has not been used yet. It works once."""

    refresh_token: str
    """The one that came with the last access token."""


@input_type
class SignOutInput:
    """Names the session to end."""

    session_id: strawberry.ID | None = None
    """Another one of the caller's sessions; the caller's own if left out."""


@mutation
async def sign_up(info: Info, input: SignUpInput) -> SignedIn:
    """Make an account and sign in. Where the account exists already and the password is its own, this only signs in."""
    input.email = input.email.strip()
    refused = check_password(input.password, email=input.email)
    if refused is not None:
        raise Invalid(refused, field="password", of=User, values=_names(input))
    caller = Caller("sign-up", network_of(info.context.client.address))
    with info.context.accounts.sign_up(info.context.client.address):
        existing = await _signed_up_before(info, input, caller)
        hashed = "" if existing else await info.context.accounts.passwords.hash(input.password, caller)
    if existing is not None:
        return await _begin(info, existing, input)
    user_id = await _new_id(info)
    try:
        return await _begin(info, user_id, input, new=(hashed, input))
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "logins_username_key":
            raise Conflict("This user name is taken.", field="username") from None
        raise Conflict("There is an account with this e-mail address: sign in.", field="email") from None


@mutation
async def sign_in(info: Info, input: SignInInput) -> SignedIn:
    """Sign in on a device, which begins a session."""
    user_id = await _authenticate(info, input.email.strip(), input.password)
    if user_id is None:
        raise Invalid(_WRONG)
    return await _begin(info, user_id, input)


@mutation
async def refresh_session(info: Info, input: RefreshSessionInput) -> SignedIn:
    """Use a refresh token up for a new access token and a new refresh token."""
    accounts = info.context.accounts
    try:
        presented = refresh.parse(input.refresh_token, accounts.keys.refresh_key)
        successor = refresh.succeed(input.refresh_token, accounts.keys.refresh_key)
    except Unauthenticated as error:
        raise Invalid(error.message, field="refresh_token") from None
    token = accounts.issue(presented.user_id, presented.session_id)
    with info.context.tenant.signing_in(Stamp(presented.user_id, presented.session_id, "user")):
        async with info.context.autocommit() as db:
            user = await db.get(User, presented.user_id)
            if user is None or user.deleted_at is not None:
                raise Invalid(_ENDED, field="refresh_token")
            rotated = await db.row(
                sql.accounts.session.rotate,
                id=presented.session_id,
                presented=presented.hash,
                successor=successor.hash,
                token_id=token.token_id,
                life=accounts.refresh_life,
            )
            if rotated is None:
                await _answer_again_or_end(info, db, presented)
    return SignedIn(user=user, access_token=token.token, refresh_token=successor.text, expires_at=token.expires_at)


@mutation
async def sign_out(info: Info, input: SignOutInput) -> Session:
    """End a session: its tokens stop working and its sockets are closed."""
    own = info.context.session_id
    id = own if input.session_id is None else id_of(input.session_id, "session_id")
    async with info.context.autocommit() as db:
        ended = await db.maybe(Session, sql.accounts.session.revoke, id=id, reason="signed_out")
        if ended is None:
            ended = await db.get(Session, id)
    if ended is None:
        raise NotFound("There is no such session.", field="session_id")
    info.context.accounts.revocations.add(id)
    return ended


async def _answer_again_or_end(info: Info, db: Statements, presented: refresh.ParsedRefresh) -> None:
    """Let the last token pass once more for a moment. Raises `Invalid` otherwise, and ends a session that is still
    on."""
    id = presented.session_id
    if await db.row(sql.accounts.session.just_rotated, id=id, presented=presented.hash) is not None:
        return
    if await db.row(sql.accounts.session.end_reused, id=id, presented=presented.hash) is not None:
        info.context.accounts.revocations.add(id)
    raise Invalid(_ENDED, field="refresh_token")


async def _authenticate(info: Info, name: str, password: str) -> UUID | None:
    """The user with this address or name and this password. An unknown one takes as long as a wrong password."""
    address, account = info.context.client.address, name.lower()
    with info.context.accounts.attempt(account, address) as attempt:
        found = await _find(info, account)
        return await _verify(info, attempt, found, password, Caller("sign-in", network_of(address)))


async def _signed_up_before(info: Info, input: SignUpInput, caller: Caller) -> UUID | None:
    """The user who has this account already, with this password. Only trying one that exists is a guess."""
    account = input.email.lower()
    if not (found := await _find(info, account)):
        return None
    with info.context.accounts.attempt(account, info.context.client.address) as attempt:
        return await _verify(info, attempt, found, input.password, caller)


async def _find(info: Info, account: str) -> list[asyncpg.Record]:
    found = await info.context.tenant.anonymous(sql.accounts.login.find.text, account)
    # Hashing takes its time, and others wait for connections.
    await info.context.release()
    return found


async def _verify(
    info: Info, attempt: Attempt, found: list[asyncpg.Record], password: str, caller: Caller
) -> UUID | None:
    stored = found[0]["password_hash"] if found else None
    if not await info.context.accounts.passwords.verify(stored, password, caller):
        attempt.failed()
        return None
    attempt.succeeded()
    user_id: UUID = found[0]["user_id"]
    return user_id


async def _begin(info: Info, user_id: UUID, device: Any, new: tuple[str, SignUpInput] | None = None) -> SignedIn:
    """Begin a session, with the account in the same transaction when it is new."""
    accounts = info.context.accounts
    session_id = await _new_id(info)
    token = accounts.issue(user_id, session_id)
    secret = refresh.mint(user_id, session_id, accounts.keys.refresh_key)
    with info.context.tenant.signing_in(Stamp(user_id, session_id, "user")):
        async with info.context.transaction() as db:
            if new is not None:
                await _make_account(db, user_id, *new)
            user = await db.maybe(User, sql.accounts.user.touch_login)
            if user is None:
                raise Invalid(_WRONG)
            await db.insert(Session, _session(info, session_id, device, token.token_id, secret.hash))
    return SignedIn(user=user, access_token=token.token, refresh_token=secret.text, expires_at=token.expires_at)


async def _make_account(db: Statements, user_id: UUID, hashed: str, input: SignUpInput) -> None:
    await db.insert(User, {"id": user_id, **_names(input)})
    # Lowered as at sign-in: the database lowers some alphabets otherwise.
    email = input.email.lower()
    await db.row(sql.accounts.login.create, email=email, username=input.username, password_hash=hashed)


def _names(input: SignUpInput) -> dict[str, Any]:
    return {"email": input.email, "username": input.username, "full_name": input.full_name}


def _session(info: Info, session_id: UUID, device: Any, token_id: str, refresh_hash: bytes) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC)
    accounts, client = info.context.accounts, info.context.client
    return {
        "id": session_id,
        "device_id": device.device_id or str(session_id),
        "device_name": device.device_name,
        "refresh_hash": refresh_hash,
        "access_token_id": token_id,
        "ip_address": client.address,
        "user_agent": client.user_agent and client.user_agent[:1024],
        "expires_at": now + accounts.refresh_life,
        "ends_at": now + accounts.session_life,
    }


async def _new_id(info: Info) -> UUID:
    (row,) = await info.context.tenant.anonymous(sql.accounts.session.new_id.text)
    made: UUID = row["id"]
    return made
