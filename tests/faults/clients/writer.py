"""A writer that records what became of each write, and sends a write again, with the same id, until it knows."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.clients.attempt import Attempts
from tests.faults.clients.follower import PADDING
from tests.faults.clients.subscription import RETRY_SECONDS
from tests.faults.history import Outcome, Write
from tests.kit.serving import Client

_ADD = "mutation($input: AddMessageInput!) { addMessage(input: $input) { message { seq } userErrors { code } } }"


@dataclass(frozen=True, slots=True)
class Manners:
    """How a writer writes: parts of one are chances."""

    gives_up: float = 0
    """To leave a write whose answer was lost as it is."""
    repeats: float = 0.02
    """To send a write again although it was acknowledged."""
    errs: float = 0.01
    """To write where it may not."""
    pause_seconds: float = 0
    """Between two writes."""
    padding: int = 0
    """So many characters more than its value has each message."""


@dataclass(slots=True)
class Writer:
    """Adds messages to a conversation, one after the other."""

    client: Client
    conversation: str
    name: str
    url: Callable[[], str]
    """Where to send, asked for each attempt."""
    dice: random.Random
    manners: Manners = Manners()
    answered: Callable[[str], None] = lambda url: None
    """Told at once where a write was acknowledged."""
    writes: list[Write] = field(default_factory=list)
    attempts: Attempts = field(default_factory=Attempts)

    @property
    def _padding(self) -> str:
        return PADDING + "." * self.manners.padding if self.manners.padding else ""

    async def write(self, enough: Callable[[], bool]) -> None:
        """Write until there is enough."""
        while not enough():
            await self.add(f"{self.name}-{len(self.writes)}")
            await asyncio.sleep(self.manners.pause_seconds)

    async def add(self, value: str, *, sure: bool = False) -> None:
        """Write one value, and do not give up if it must be sure."""
        began = time.time()
        errs = not sure and self.dice.random() < self.manners.errs
        id, conversation = self._new_id(), self._new_id() if errs else self.conversation
        outcome = await self._make_sure(id, conversation, value, sure=sure)
        assert outcome is Outcome.UNKNOWN or (outcome is Outcome.REFUSED) == errs, f"{value}: {outcome}"
        ended = {} if outcome is Outcome.UNKNOWN else {"ended": time.time()}
        self.writes.append(Write(value, outcome, began, **ended))
        if outcome is Outcome.ACKNOWLEDGED and self.dice.random() < self.manners.repeats:
            await self._attempt(id, conversation, value)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4))

    async def _make_sure(self, id: str, conversation: str, value: str, *, sure: bool) -> Outcome:
        while True:
            outcome = await self._attempt(id, conversation, value)
            if outcome is not Outcome.UNKNOWN:
                return outcome
            if not sure and self.dice.random() < self.manners.gives_up:
                return outcome
            await asyncio.sleep(RETRY_SECONDS)

    async def _attempt(self, id: str, conversation: str, value: str) -> Outcome:
        values = {"id": id, "conversationId": conversation, "role": "USER", "content": value + self._padding}
        url = self.url()
        payload = await self.attempts.make(self.client, url, _ADD, values)
        if payload is None:
            return Outcome.UNKNOWN
        if payload["userErrors"]:
            return Outcome.REFUSED
        self.answered(url)
        return Outcome.ACKNOWLEDGED
