"""A socket outlives the token that opened it: the warning before the token ends, its renewal, and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from gateway.auth.identity import Identity
from gateway.errors import Unauthenticated
from gateway.http.ports import Clock


class TokenLife:
    """Watches the token of one socket. A socket without a token is never watched."""

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        clock: Clock,
        warning: timedelta,
        *,
        warn: Callable[[datetime], Awaitable[None]],
        end: Callable[[], None],
    ) -> None:
        """`warn` is called `warning` before the token ends, or at half its life left if that is later."""
        self.identity: Identity | None = None
        self._tasks = tasks
        self._clock = clock
        self._warning = warning
        self._warn = warn
        self._end = end
        self._watches: tuple[asyncio.Task[None], ...] = ()

    def begin(self, identity: Identity) -> None:
        """Watch this token, in place of the one before."""
        self.identity = identity
        for watch in self._watches:
            watch.cancel()
        # Two tasks, so that a client which does not read the warning cannot hold up the end.
        self._watches = (
            self._tasks.create_task(self._warn_before(identity.expires_at)),
            self._tasks.create_task(self._end_at(identity.expires_at)),
        )

    def renew(self, identity: Identity) -> None:
        """Go on with a new token, which must be of the same user and session."""
        before = self.identity
        if before is None:
            raise Unauthenticated("This socket has no token to renew: connect again with one.")
        if (identity.user_id, identity.session_id) != (before.user_id, before.session_id):
            raise Unauthenticated("The new token is of another user or session: connect again with it.")
        self.begin(identity)

    async def _warn_before(self, expires_at: datetime) -> None:
        left = expires_at - self._clock.now()
        await self._clock.until(expires_at - min(self._warning, left / 2))
        await self._warn(expires_at)

    async def _end_at(self, expires_at: datetime) -> None:
        await self._clock.until(expires_at)
        self._end()
