"""The sockets that are open: to close those of a session that is revoked, and all before a restart."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from gateway.http.socket_close import CloseCode, SocketClosedError
from gateway.http.socket_session import SocketSession

# Clients come back at once: a thousand a second is what another process can take.
PAUSE_SECONDS = 0.001

RESTARTING = SocketClosedError(CloseCode.RESTARTING, "restarting: reconnect and resume from the last cursor")


class SocketRegistry:
    """The sessions of all sockets of this process."""

    def __init__(self) -> None:
        self._sessions: set[SocketSession] = set()
        self._closing = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._sessions)

    @contextmanager
    def keeping(self, session: SocketSession) -> Iterator[None]:
        """Count the session among the open ones for as long as this lasts."""
        self._sessions.add(session)
        self._empty.clear()
        if self._closing:
            session.end(RESTARTING)
        try:
            yield
        finally:
            self._sessions.discard(session)
            if not self._sessions:
                self._empty.set()

    def close_session(self, session_id: UUID, code: CloseCode = CloseCode.FORBIDDEN, reason: str = "signed out") -> int:
        """Close the sockets of a signed-in session; returns how many there were. Others are untouched."""
        found = [session for session in self._sessions if session.session_id == session_id]
        for session in found:
            session.end(SocketClosedError(code, reason))
        return len(found)

    async def close_all(self, within_seconds: float) -> None:
        """Close every socket, in random order and not all at once, and wait for them, but not for ever."""
        self._closing = True
        sessions = list(self._sessions)
        random.shuffle(sessions)
        for session in sessions:
            session.end(RESTARTING)
            await asyncio.sleep(PAUSE_SECONDS)
        await self.all_closed(within_seconds)

    async def all_closed(self, within_seconds: float) -> bool:
        """Wait until no socket is open; false if some still are when the time is up."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
