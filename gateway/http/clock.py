"""The system's clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

LONGEST_SLEEP_SECONDS = 30.0


class SystemClock:
    """The time of day as the machine has it."""

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    async def until(self, moment: datetime) -> None:
        """Return once the moment has come.

        It looks again now and then: a machine may sleep, or its clock be set, behind the event loop's back.
        """
        while (left := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - no event tells the time
            await asyncio.sleep(min(left, LONGEST_SLEEP_SECONDS))
