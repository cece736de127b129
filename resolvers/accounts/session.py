"""Sessions: a signed-in device, its refresh token, and the mutations that begin, continue and end one.

A refresh token works once. If it is used twice, the session ends, because two parties then hold it. For some seconds,
the last token may be used again, by a client that lost the response.
"""

from __future__ import annotations

import datetime
from typing import Any, NoReturn
from uuid import UUID

import strawberry

from gateway import (
    Conflict,
    Info,
    Invalid,
    Node,
    NotFound,
    Purpose,
    SessionTokens,
    Statements,
    Unauthenticated,
    UniqueViolationError,
    check_password,
    computed,
    entity,
    id_of,
    input_type,
    mutation,
    payload,
    sql,
)
from resolvers.accounts.user import User

_WRONG = "The e-mail address or the password is wrong."
_REMOVED = "This account is being removed permanently. In some minutes, its address is free again."
_DELETED = "This account is deleted. You can restore it with restoreAccount until {:%Y-%m-%d %H:%M} UTC."
_ENDED = "This session has ended: sign in again."


@entity("sessions", order="-last_used_at")
class Session(Node):
    """A session: a device that is or was signed in."""

    device_id: str
    """The client's identifier for the device."""
    device_name: str | None
    """The name of the device; null if unknown."""
    user_agent: str | None
    """The `User-Agent` header of the client at sign-in."""
    last_used_at: datetime.datetime
    """When the session was last refreshed, or signed in."""
    expires_at: datetime.datetime
    """When the session ends unless it is refreshed."""
    ends_at: datetime.datetime
    """When the session ends even if it is refreshed."""
    revoked_at: datetime.datetime | None
    """When the session was ended early; null if it was not."""
    revoked_reason: str | None
    """Why the session was ended early: `signed_out`, `account_deleted`, or `refresh_reused` if a refresh token was used
    twice."""

    @computed("ip_address")
    def ip_address(self) -> str | None:
        """The IP address of the client at sign-in."""
        return None if self.ip_address is None else str(self.ip_address)

    @computed("id", exported=False)
    def is_current(self, info: Info) -> bool:
        """Whether this is the session of the request."""
        return info.context.identity is not None and info.context.identity.credential_id == self.id


@payload
class SignedIn:
    user: User
    """The signed-in user."""
    access_token: str
    """The access token. Send it as `Authorization: Bearer <token>`, or in `connectionParams` on a websocket."""
    refresh_token: str
    """The refresh token for `refreshSession`. It works once. Keep it secret."""
    expires_at: datetime.datetime
    """When the access token expires."""


@input_type
class SignUpInput:
    """A new account, and the device to sign in on."""

    email: str
    """The e-mail address to sign in with. Surrounding spaces are ignored."""
    password: str
    """The password, at least 10 characters. Easily guessed passwords are refused."""
    full_name: str | None = None
    """The full name of the person, up to 255 characters."""
    username: str | None = None
    """An alternative name to sign in with: 2 to 50 letters, digits, dots, hyphens or underscores."""
    device_id: str | None = None
    """The client's identifier for the device. Defaults to a new one."""
    device_name: str | None = None
    """The name of the device, up to 255 characters."""


@input_type
class SignInInput:
    """The credentials of an account, and the device to sign in on."""

    email: str
    """The e-mail address or the user name. Surrounding spaces are ignored."""
    password: str
    """The user's password."""
    device_id: str | None = None
    """The client's identifier for the device. Defaults to a new one."""
    device_name: str | None = None
    """The name of the device, up to 255 characters."""


@input_type
class RefreshSessionInput:
    """The refresh token to exchange for new tokens."""

    refresh_token: str
    """The refresh token that was returned with the last access token."""


@input_type
class SignOutInput:
    """The session to end."""

    session_id: strawberry.ID | None = None
    """The id of one of the caller's sessions. Defaults to the session of the request."""


@mutation(scope=None)
async def sign_up(info: Info, input: SignUpInput) -> SignedIn:
    """Create an account and sign in. If the account already exists and the password is correct, this only signs in."""
    input.email = input.email.strip()
    refused = check_password(input.password, email=input.email)
    if refused is not None:
        raise Invalid(refused, field="password", of=User, values=_names(input))
    authenticator, address = info.context.authenticator, info.context.client.address
    with authenticator.sign_up(address):
        existing = await user_with(info, "sign-up", input.email.lower(), input.password)
        hashed = "" if existing else await authenticator.hash_password(input.password, address)
    if existing is not None:
        return await _begin(info, existing, input)
    user_id = await new_id(info)
    try:
        return await _begin(info, user_id, input, new=(hashed, input))
    except UniqueViolationError as error:
        if error.constraint_name == "logins_username_key":
            raise Conflict("This user name is already taken.", field="username") from None
        raise Conflict("An account with this e-mail address already exists: sign in.", field="email") from None


@mutation(scope=None)
async def sign_in(info: Info, input: SignInInput) -> SignedIn:
    """Sign in on a device and start a session."""
    return await begin_with_password(info, input)


@mutation(scope=None)
async def refresh_session(info: Info, input: RefreshSessionInput) -> SignedIn:
    """Exchange a refresh token for a new access token and a new refresh token."""
    authenticator = info.context.authenticator
    try:
        presented, tokens = authenticator.exchange(input.refresh_token)
    except Unauthenticated as error:
        raise Invalid(error.message, field="refresh_token") from None
    with info.context.signing_in(presented.user_id, presented.id):
        async with info.context.autocommit() as db:
            user = await db.get(User, presented.user_id)
            if user is None or user.deleted_at is not None:
                raise Invalid(_ENDED, field="refresh_token")
            rotated = await db.row(
                sql.accounts.session.rotate,
                id=presented.id,
                presented=presented.hash,
                successor=tokens.refresh.hash,
                token_id=tokens.access.token_id,
                life=authenticator.refresh_life,
            )
            if rotated is None:
                await _answer_again_or_end(info, db, presented.id, presented.hash)
    return _signed_in(user, tokens)


@mutation(scope="person")
async def sign_out(info: Info, input: SignOutInput) -> Session:
    """End a session. Its tokens stop working and its websockets are closed."""
    own = info.context.credential_id
    id = own if input.session_id is None else id_of(input.session_id, "session_id")
    async with info.context.autocommit() as db:
        ended = await db.maybe(Session, sql.accounts.session.revoke, id=id, reason="signed_out")
        if ended is None:
            ended = await db.get(Session, id)
    if ended is None:
        raise NotFound("There is no such session.", field="session_id")
    info.context.authenticator.revocations.add(id)
    return ended


async def begin_with_password(info: Info, input: SignInInput, *, restoring: bool = False) -> SignedIn:
    """Start a session, if the password is that of the account, which is restored first if it may be deleted."""
    account = input.email.strip().lower()
    with info.context.authenticator.attempt("sign-in", account, info.context.client.address) as attempt:
        user_id, stored = await _find_login(info, account)
        matches = await attempt.verify(stored, input.password)
        if user_id is None or stored is None or not matches:
            _record_failure(info, user_id, account)
            raise Invalid(_WRONG)
        rehashed = await attempt.rehash(stored, input.password)
    return await _begin(info, user_id, input, rehashed=rehashed, restoring=restoring)


async def _answer_again_or_end(info: Info, db: Statements, id: UUID, presented: bytes) -> None:
    """Accept the last token again for some seconds. Otherwise raises `Invalid`, and ends the session if it has not
    ended."""
    if await db.row(sql.accounts.session.just_rotated, id=id, presented=presented) is not None:
        return
    if await db.row(sql.accounts.session.end_reused, id=id, presented=presented) is not None:
        info.context.authenticator.revocations.add(id)
    raise Invalid(_ENDED, field="refresh_token")


async def user_with(info: Info, purpose: Purpose, account: str, password: str) -> UUID | None:
    """The user who has this account and this password. Only an attempt on an existing account counts."""
    user_id, stored = await _find_login(info, account)
    if user_id is None:
        return None
    with info.context.authenticator.attempt(purpose, account, info.context.client.address) as attempt:
        if await attempt.verify(stored, password):
            return user_id
        _record_failure(info, user_id, account)
        return None


def _record_failure(info: Info, user_id: UUID | None, account: str) -> None:
    """Have a wrong password recorded in the audit of the account. Takes as long if there is no such account."""
    address = info.context.client.address
    info.context.afterwards(sql.accounts.audit.sign_in_failed, user_id, name=account, address=address)


async def _find_login(info: Info, account: str) -> tuple[UUID | None, str | None]:
    """The user with this address or name, and the hash of their password."""
    rows = await info.context.anonymous(sql.accounts.login.find, name=account)
    # Hashing takes its time, and others wait for connections.
    await info.context.release()
    return (rows[0]["user_id"], rows[0]["password_hash"]) if rows else (None, None)


async def _begin(
    info: Info,
    user_id: UUID,
    device: Any,
    *,
    new: tuple[str, SignUpInput] | None = None,
    rehashed: str | None = None,
    restoring: bool = False,
) -> SignedIn:
    """Start a session. A new account, or a new hash of the password, is stored in the same transaction."""
    authenticator = info.context.authenticator
    session_id = await new_id(info)
    tokens = authenticator.issue(user_id, session_id)
    with info.context.signing_in(user_id, session_id):
        async with info.context.transaction() as db:
            if new is not None:
                await _make_account(db, user_id, *new)
            if restoring:
                await db.row(sql.accounts.user.restore)
            user = await db.maybe(User, sql.accounts.user.touch_login)
            if user is None:
                await _refuse_deleted(db, user_id)
            if rehashed is not None:
                await db.row(sql.accounts.login.rehash, password_hash=rehashed)
            await db.insert(Session, _session(info, session_id, device, tokens))
    return _signed_in(user, tokens)


async def _refuse_deleted(db: Statements, user_id: UUID) -> NoReturn:
    """Raise `Conflict` with what becomes of the deleted account, or `Invalid` if nothing was arranged."""
    user = await db.get(User, user_id)
    if user is None or user.purge_at is None:
        raise Invalid(_WRONG)
    is_late = user.purge_at <= datetime.datetime.now(datetime.UTC)
    raise Conflict(_REMOVED if is_late else _DELETED.format(user.purge_at))


def _signed_in(user: User, tokens: SessionTokens) -> SignedIn:
    return SignedIn(
        user=user,
        access_token=tokens.access.token,
        refresh_token=tokens.refresh.text,
        expires_at=tokens.access.expires_at,
    )


async def _make_account(db: Statements, user_id: UUID, hashed: str, input: SignUpInput) -> None:
    await db.insert(User, {"id": user_id, **_names(input)})
    # Lowered as at sign-in: the database lowers some alphabets otherwise.
    email = input.email.lower()
    await db.row(sql.accounts.login.create, email=email, username=input.username, password_hash=hashed)


def _names(input: SignUpInput) -> dict[str, Any]:
    return {"email": input.email, "username": input.username, "full_name": input.full_name}


def _session(info: Info, session_id: UUID, device: Any, tokens: SessionTokens) -> dict[str, Any]:
    now = datetime.datetime.now(datetime.UTC)
    authenticator, client = info.context.authenticator, info.context.client
    return {
        "id": session_id,
        "device_id": device.device_id or str(session_id),
        "device_name": device.device_name,
        "refresh_hash": tokens.refresh.hash,
        "access_token_id": tokens.access.token_id,
        "ip_address": client.address,
        "user_agent": client.user_agent and client.user_agent[:1024],
        "expires_at": now + authenticator.refresh_life,
        "ends_at": now + authenticator.session_life,
    }


async def new_id(info: Info) -> UUID:
    """An id for a row, from the database, where it is needed before the row is written."""
    (row,) = await info.context.anonymous(sql.accounts.session.new_id)
    made: UUID = row["id"]
    return made
