"""The broker: whether one process reaches another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from gateway.broker.choice import broker_for
from gateway.broker.protocol import Broker
from gateway.doctor.check import Findings, check
from gateway.doctor.finding import note, warning
from gateway.doctor.installation import Installation

REACHED_SECONDS = 1.5

ATTEMPTS, REPEAT_SECONDS = 10, 0.1

ADVICE = {
    "NATS": "Check that PARLEY_BROKER_URL is right, that the server runs, and that the account may publish and "
    "subscribe to parley.user.>.",
    "postgres:": "A connection pooler in between must use session pooling.",
}

PAYLOAD = b"parley doctor"


class _Ear:
    """Hears whether a signal arrives. A hint would prove nothing, because a broker also sends some to itself."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.heard = asyncio.Event()

    def hint(self, user_ids: Iterable[UUID]) -> None:
        """Do nothing."""

    def gap(self) -> None:
        """Note that the carrier is reached."""
        self.reached.set()

    def signal(self, user_id: UUID, payload: bytes) -> None:
        """Note a signal."""
        self.heard.set()


@check("Broker")
async def broker(installation: Installation) -> Findings:
    """Whether two connections to the carrier reach each other, as two processes would."""
    url = installation.settings.chosen_broker
    name = url if url in ("process:", "postgres:") else "NATS"
    if name == "process:":
        if not installation.settings.embedded:
            yield note(
                "PARLEY_BROKER_URL is process:. If other processes serve this database, subscribers of one learn of "
                "writes in another up to two seconds late."
            )
        return
    if name == "postgres:":
        _ = installation.serving  # its role is the one that listens
    async with _two(installation) as (listening, sending, ear):
        reached = await _within(ear.reached, REACHED_SECONDS)
        if reached and await _arrives(listening, sending, ear):
            return
        # Before both are closed, which takes a second if there is no answer.
        yield warning(
            f"Hints over {name} {'arrive nowhere' if reached else 'cannot be sent, because it does not answer'}: "
            "events reach subscribers of other processes up to two seconds late, and presence and typing do not reach "
            "them at all.",
            ADVICE[name],
            subject="PARLEY_BROKER_URL",
        )


async def _arrives(listening: Broker, sending: Broker, ear: _Ear) -> bool:
    """Whether a signal arrives. It is repeated, because those sent before both are ready are dropped."""
    user_id = uuid4()
    listening.watch(user_id)
    for _ in range(ATTEMPTS):
        sending.signal(user_id, PAYLOAD)
        if await _within(ear.heard, REPEAT_SECONDS):
            return True
    return False


@asynccontextmanager
async def _two(installation: Installation) -> AsyncIterator[tuple[Broker, Broker, _Ear]]:
    url = installation.database.runtime_url if installation.database else ""
    ear = _Ear()
    listening, sending = broker_for(installation.settings, url), broker_for(installation.settings, url)
    try:
        await listening.start(ear)
        await sending.start(_Ear())
        yield listening, sending, ear
    finally:
        await asyncio.gather(listening.close(), sending.close())


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
