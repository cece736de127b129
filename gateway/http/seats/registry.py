"""Open sockets and event streams, to close those of a revoked credential, and all of them before a restart."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from gateway.auth.identity import Identity
from gateway.http.close import CloseCode, SocketClosedError
from gateway.http.seats.stopping import closing_times

_LOOK_SECONDS = 0.02

SIGNED_OUT = SocketClosedError(CloseCode.FORBIDDEN, "signed out")
REVOKED = SocketClosedError(CloseCode.FORBIDDEN, "token revoked")
RESTARTING = SocketClosedError(CloseCode.RESTARTING, "restarting: reconnect and resume from the last cursor")


class Session(Protocol):
    """A socket or stream, as the registry sees it."""

    @property
    def identity(self) -> Identity | None:
        """Who is signed in, if anybody is."""

    @property
    def is_busy(self) -> bool:
        """Whether a query or a mutation is running, whose answer the client should get before the close."""

    def end(self, outcome: SocketClosedError) -> None:
        """End it, and tell the client why. The first reason counts."""


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
        """Register the session for the duration of the block."""
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

    def identities(self) -> list[Identity]:
        """Who is signed in on the open sockets."""
        return [session.identity for session in self._sessions if session.identity is not None]

    def revoke(self, credential_id: UUID) -> int:
        """Close the sockets of a revoked credential, and return their number."""
        number = 0
        for session in list(self._sessions):
            identity = session.identity
            if identity is not None and identity.credential_id == credential_id:
                number += 1
                session.end(SIGNED_OUT if identity.actor == "user" else REVOKED)
        return number

    async def close_all(self, deadline: float, within_seconds: float) -> None:
        """Close all sockets, in random order and spread over time, and wait up to `within_seconds` for them to close.

        A socket with running queries or mutations is closed once they are answered, at `deadline` (on the event loop's
        clock) at the latest.
        """
        self._closing = True
        now = asyncio.get_running_loop().time
        began, sessions = now(), list(self._sessions)
        random.shuffle(sessions)
        busy = []
        for moment, session in zip(closing_times(len(sessions)), sessions, strict=True):
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
        """Wait until no socket is open. Returns False on timeout."""
        try:
            async with asyncio.timeout(within_seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True
