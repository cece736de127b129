"""Deletion of accounts: at once for everybody to see, and for good after a time in which it can be taken back."""

from __future__ import annotations

import datetime

from gateway import Info, Invalid, NotFound, Work, input_type, job, mutation, sql
from resolvers.accounts.session import SignedIn, SignInInput, begin_with_password, user_with
from resolvers.accounts.user import User

MOST_DAYS = 30
MOST_ROWS = 150
"""Rows that one transaction removes: about 30 ms."""


@input_type
class DeleteAccountInput:
    """The password again, and how long the account can still be restored."""

    password: str
    """The user's password."""
    grace_days: int | None = None
    """For how many days the account can be restored, 0 to 30. With 0, its removal begins within minutes. Defaults to
    30."""


@input_type
class RestoreAccountInput(SignInInput):
    """The credentials of a deleted account, and the device to sign in on."""


@mutation(scope="person")
async def delete_account(info: Info, input: DeleteAccountInput) -> User:
    """Delete the caller's account. All its sessions end, and its agents' tokens are revoked for good.

    At `purgeAt`, everything of the account is removed permanently, usage included. Until then, `restoreAccount` takes
    it back.
    """
    days = MOST_DAYS if input.grace_days is None else input.grace_days
    if not 0 <= days <= MOST_DAYS:
        raise Invalid(f"The number of days must be between 0 and {MOST_DAYS}.", field="grace_days")
    await _require_password(info, input.password)
    async with info.context.transaction() as db:
        ended = await db.rows(sql.accounts.session.revoke_all, reason="account_deleted")
        revoked = await db.rows(sql.accounts.agent_token.revoke_all)
        grace = datetime.timedelta(days=days)
        user = await db.maybe(User, sql.accounts.user.delete, grace=grace) or await db.get(User, info.context.user_id)
    if user is None:
        raise NotFound("The account has been removed.")
    for credential in [*ended, *revoked]:
        info.context.authenticator.revocations.add(credential["id"])
    return user


@mutation(scope=None)
async def restore_account(info: Info, input: RestoreAccountInput) -> SignedIn:
    """Restore a deleted account, before its `purgeAt`, and sign in. If it is not deleted, this only signs in."""
    return await begin_with_password(info, input, restoring=True)


@job("purge_accounts", schedule="*/5 * * * *")
async def purge_accounts(work: Work) -> None:
    """Remove everything of deleted accounts whose `purgeAt` has passed."""
    await work.exhaust(sql.accounts.user.purge, most=MOST_ROWS)


async def _require_password(info: Info, password: str) -> None:
    async with info.context.autocommit() as db:
        user = await db.get(User, info.context.user_id)
    if user is None or await user_with(info, "sign-in", user.email.lower(), password) is None:
        raise Invalid("The password is wrong.", field="password")
