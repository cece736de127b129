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

ARRIVAL_SECONDS = 2.0

REPEAT_SECONDS = 0.1

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
    user_id = uuid4()
    async with _two(installation) as (listening, sending, ear):
        reached = await _within(ear.reached)
        listening.watch(user_id)
        for _ in range(round(ARRIVAL_SECONDS / REPEAT_SECONDS) if reached else 0):
            sending.signal(user_id, PAYLOAD)
            if await _within(ear.heard, REPEAT_SECONDS):
                return
    problem = "arrive nowhere" if reached else "cannot be sent, because it does not answer"
    yield warning(
        f"Hints over {name} {problem}: events reach subscribers of other processes up to two seconds late, and "
        "presence and typing do not reach them at all.",
        "Check that PARLEY_BROKER_URL is right, that the server runs, and that the account may publish and subscribe "
        "to parley.user.>."
        if name == "NATS"
        else "A connection pooler in between must use session pooling.",
        subject="PARLEY_BROKER_URL",
    )


@asynccontextmanager
async def _two(installation: Installation) -> AsyncIterator[tuple[Broker, Broker, _Ear]]:
    assert installation.database is not None or installation.settings.chosen_broker != "postgres:"  # noqa: S101 - checked above
    url = installation.database.runtime_url if installation.database else ""
    ear = _Ear()
    listening, sending = broker_for(installation.settings, url), broker_for(installation.settings, url)
    try:
        await listening.start(ear)
        await sending.start(_Ear())
        yield listening, sending, ear
    finally:
        await asyncio.gather(listening.close(), sending.close())


async def _within(event: asyncio.Event, seconds: float = ARRIVAL_SECONDS / 2) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
