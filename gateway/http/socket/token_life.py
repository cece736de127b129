"""The lifetime of a socket's access token: the warning before it expires, its renewal, and its expiry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.auth.identity import Identity
from gateway.errors import Unauthenticated
from gateway.http.clock import Alarm, Clock


class TokenLife:
    """Watches the token of one socket. A socket without a token is not watched."""

    __slots__ = ("_alarm", "_clock", "_end", "_warn", "_warning", "identity")

    def __init__(
        self, clock: Clock, warning: timedelta, *, warn: Callable[[datetime], None], end: Callable[[], None]
    ) -> None:
        """`warn` is called `warning` before the token expires, or at half its remaining life if that is later."""
        self.identity: Identity | None = None
        self._clock = clock
        self._warning = warning
        self._warn = warn
        self._end = end
        self._alarm: Alarm | None = None

    def begin(self, identity: Identity) -> None:
        """Watch this token instead of the previous one."""
        self.stop()
        self.identity = identity
        left = identity.expires_at - self._clock.now()
        self._alarm = self._clock.at(identity.expires_at - min(self._warning, left / 2), lambda: self._near(identity))

    def renew(self, identity: Identity) -> None:
        """Replace the token with one of the same user and session. Raises `Unauthenticated` for any other.

        Nothing replaces the token of an agent, which is a credential of its own.
        """
        before = self.identity
        if before is None:
            raise Unauthenticated("This socket was opened without a token: reconnect with one.")
        if (identity.user_id, identity.credential_id) != (before.user_id, before.credential_id):
            raise Unauthenticated("The new token belongs to another user or session: reconnect with it.")
        self.begin(identity)

    def stop(self) -> None:
        """Stop watching."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _near(self, identity: Identity) -> None:
        # Expiry is scheduled first, so that a failing warning cannot prevent it.
        self._alarm = self._clock.at(identity.expires_at, self._end)
        self._warn(identity.expires_at)
