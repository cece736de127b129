"""The sockets and event streams that are open: to close those of a revoked session, and all before a restart."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.seats.stopping import moments

_LOOK_SECONDS = 0.02

RESTARTING = SocketClosedError(CloseCode.RESTARTING, "restarting: reconnect and resume from the last cursor")


class Session(Protocol):
    """What a client is connected to."""

    @property
    def session_id(self) -> UUID | None:
        """The signed-in session of whoever is connected."""

    @property
    def is_busy(self) -> bool:
        """Whether a query or a mutation runs on it, whose answer the client should get before the end."""

    def end(self, outcome: SocketClosedError) -> None:
        """Let it end, and tell the client why. The first reason counts."""


class SocketRegistry:
    """The sessions of all sockets and event streams of this process."""

    def __init__(self) -> None:
        self._sessions: set[Session] = set()
        self._closing = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._sessions)

    @contextmanager
    def keeping(self, session: Session) -> Iterator[None]:
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

    async def close_all(self, deadline: float, within_seconds: float) -> None:
        """Close every socket, in random order and not all at once, and wait for them, but not for ever.

        Queries and mutations that run on one are answered before it is closed, if they are done at the deadline, a
        moment on the event loop's clock.
        """
        self._closing = True
        now = asyncio.get_running_loop().time
        began, sessions = now(), list(self._sessions)
        random.shuffle(sessions)
        busy = []
        for moment, session in zip(moments(len(sessions)), sessions, strict=True):
            await asyncio.sleep(began + moment - now())
            if session.is_busy:
                busy.append(session)
            else:
                session.end(RESTARTING)
        while busy and now() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            for session in busy:
                if not session.is_busy:
                    session.end(RESTARTING)
            busy = [session for session in busy if session.is_busy and session in self._sessions]
        for session in busy:
            session.end(RESTARTING)
        await self.all_closed(within_seconds)

    async def all_closed(self, within_seconds: float) -> bool:
        """Wait until no socket is open; false if some still are when the time is up."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
