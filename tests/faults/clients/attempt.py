"""One attempt at a mutation, by a client that bears that its answer is lost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp

from tests.kit.serving import Client

_PASSING = {"UNAVAILABLE", "OVERLOADED", "TIMED_OUT"}
"""The codes of errors after which a client may try again."""


@dataclass(slots=True)
class Attempts:
    """What became of the attempts of one client."""

    lost: int = 0
    """Answers that never came."""
    codes: Counter[str] = field(default_factory=Counter)
    """The codes of the errors that were answered."""

    @property
    def failed(self) -> int:
        """How many have to be made again."""
        return self.lost + self.codes.total()

    async def make(self, client: Client, url: str, operation: str, values: dict[str, Any]) -> dict[str, Any] | None:
        """The payload of a mutation, or None where nobody knows whether it happened."""
        return await self.ask(client, url, operation, input=values)

    async def ask(self, client: Client, url: str, operation: str, **variables: Any) -> dict[str, Any] | None:
        """What the only root field of an operation returns, or None where no answer came."""
        try:
            answer = await replace(client, url=url).run(operation, **variables)
        except (aiohttp.ClientError, OSError):
            self.lost += 1
            return None
        if errors := answer.get("errors"):
            codes = {error["extensions"]["code"] for error in errors}
            assert codes <= _PASSING, errors
            self.codes.update(codes)
            return None
        (payload,) = answer["data"].values()
        found: dict[str, Any] = payload
        return found
