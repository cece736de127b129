"""A socket outlives the token that opened it: the warning before the token ends, its renewal, and the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from gateway.auth.identity import Identity
from gateway.errors import Unauthenticated
from gateway.http.clock import Alarm, Clock


class TokenLife:
    """Watches the token of one socket. A socket without a token is never watched."""

    __slots__ = ("_alarm", "_clock", "_end", "_warn", "_warning", "identity")

    def __init__(
        self, clock: Clock, warning: timedelta, *, warn: Callable[[datetime], None], end: Callable[[], None]
    ) -> None:
        """`warn` is called `warning` before the token ends, or at half its life left if that is later."""
        self.identity: Identity | None = None
        self._clock = clock
        self._warning = warning
        self._warn = warn
        self._end = end
        self._alarm: Alarm | None = None

    def begin(self, identity: Identity) -> None:
        """Watch this token, in place of the one before."""
        self.stop()
        self.identity = identity
        left = identity.expires_at - self._clock.now()
        self._alarm = self._clock.at(identity.expires_at - min(self._warning, left / 2), lambda: self._near(identity))

    def renew(self, identity: Identity) -> None:
        """Go on with a new token, which must be of the same user and session."""
        before = self.identity
        if before is None:
            raise Unauthenticated("This socket was opened without a token: reconnect with one.")
        if (identity.user_id, identity.session_id) != (before.user_id, before.session_id):
            raise Unauthenticated("The new token belongs to another user or session: reconnect with it.")
        self.begin(identity)

    def stop(self) -> None:
        """Watch nothing any more."""
        if self._alarm is not None:
            self._alarm.cancel()

    def _near(self, identity: Identity) -> None:
        # The end first, so that whatever becomes of the warning cannot hold it up.
        self._alarm = self._clock.at(identity.expires_at, self._end)
        self._warn(identity.expires_at)
