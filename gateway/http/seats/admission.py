"""How many sockets and event streams one process takes, in all and from one caller, and what runs on them.

Each that is open holds a `Seat`. Without a token it is one of the few that strangers may take; a token makes it one of
its user's. A user's subscriptions are counted over all of them. The counts are those of this process: N processes have
N times the room.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import NoReturn
from uuid import UUID

import structlog

from gateway.auth.client import Client
from gateway.auth.network import network_of
from gateway.errors import Overloaded
from gateway.execution.complete import failed
from gateway.http.answer import JSON, Reply
from gateway.http.options import Options

RETRY_SECONDS = 5
"""What a client that finds no room is asked to wait."""

_LOG_SECONDS = 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Cap:
    """The most that one holder may have of something."""

    name: str
    most: int
    what: str
    status: int
    """Over HTTP: 429 where the caller holds too much, 503 where everybody together does."""


Claim = tuple[Cap, Hashable]
"""One that counts towards a cap of this holder; None stands for the process."""


class NoRoom(Overloaded):
    """A cap is reached. Nothing was begun."""

    def __init__(self, cap: Cap) -> None:
        super().__init__(f"At most {cap.most:,} {cap.what}. Try again later.", retryAfter=RETRY_SECONDS)
        self.status = cap.status

    def reply(self) -> Reply:
        """The same as an answer to a request."""
        return Reply(self.status, JSON, failed(self).bytes(), {"Retry-After": str(RETRY_SECONDS)})


class Admission:
    """The seats of one process."""

    def __init__(self, options: Options) -> None:
        self._sockets = Cap("sockets", options.max_sockets, "sockets are open here", 503)
        self._of_network = Cap(
            "sockets_per_address", options.max_sockets_per_address, "sockets may come from one address", 429
        )
        self._of_user = Cap("sockets_per_user", options.max_sockets_per_user, "sockets may be of one user", 429)
        self._anonymous = Cap(
            "anonymous_sockets", options.max_anonymous_sockets, "sockets without a token are open here", 503
        )
        self._anonymous_of_network = Cap(
            "anonymous_sockets_per_address",
            options.max_anonymous_sockets_per_address,
            "sockets without a token may come from one address",
            429,
        )
        self._subscriptions = Cap("subscriptions", options.max_subscriptions, "subscriptions run here", 503)
        self._subscriptions_of_user = Cap(
            "subscriptions_per_user", options.max_subscriptions_per_user, "subscriptions may be of one user", 429
        )
        self._held: Counter[Claim] = Counter()
        self._logged: dict[Cap, float] = {}
        self.refused: Counter[str] = Counter()
        """How often each cap kept somebody out, by its name."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is counted: everything that was taken has been given back."""
        return not self._held

    @contextmanager
    def seat(self, client: Client) -> Iterator[Seat]:
        """A seat, anonymous at first, for as long as this lasts. Raises `NoRoom`."""
        network = network_of(client.address)
        everybody = ((self._sockets, None), (self._of_network, network))
        stranger = ((self._anonymous, None), (self._anonymous_of_network, network))
        self._take(*everybody, *stranger)
        seat = Seat(self, stranger)
        try:
            yield seat
        finally:
            self._give(*everybody, *seat.claims)

    def move(self, seat: Seat, user_id: UUID) -> None:
        """Make a seat one of a user's. Raises `NoRoom`."""
        own = ((self._of_user, user_id),)
        self._take(*own)
        self._give(*seat.claims)
        seat.claims, seat.user_id = own, user_id

    @contextmanager
    def subscription(self, user_id: UUID | None) -> Iterator[None]:
        """Count a subscription for as long as this lasts. Raises `NoRoom`."""
        claims: tuple[Claim, ...] = ((self._subscriptions, None),)
        if user_id is not None:
            claims += ((self._subscriptions_of_user, user_id),)
        self._take(*claims)
        try:
            yield
        finally:
            self._give(*claims)

    def _take(self, *claims: Claim) -> None:
        for cap, holder in claims:
            if self._held[cap, holder] >= cap.most:
                self.refuse(cap)
        self._held.update(claims)

    def _give(self, *claims: Claim) -> None:
        for claim in claims:
            self._held[claim] -= 1
            if not self._held[claim]:
                del self._held[claim]

    def refuse(self, cap: Cap) -> NoReturn:
        """Count and log that a cap was reached. Raises `NoRoom`."""
        self.refused[cap.name] += 1
        now = time.monotonic()
        # An operator should hear of it, as a proxy that is not trusted looks like one caller, but not of each.
        if now - self._logged.get(cap, -_LOG_SECONDS) >= _LOG_SECONDS:
            self._logged[cap] = now
            _log.warning("sockets.no_room", cap=cap.name, most=cap.most, refused=self.refused[cap.name])
        raise NoRoom(cap)


class Seat:
    """The seat of one socket or stream among all."""

    __slots__ = ("_admission", "claims", "user_id")

    def __init__(self, admission: Admission, claims: tuple[Claim, ...]) -> None:
        self._admission = admission
        self.claims = claims
        self.user_id: UUID | None = None

    def sign_in(self, user_id: UUID) -> None:
        """Its token is of this user. Raises `NoRoom` when the user has too many, and stays what it was."""
        self._admission.move(self, user_id)

    def subscription(self) -> AbstractContextManager[None]:
        """Count a subscription that runs on it, for as long as this lasts. Raises `NoRoom`."""
        return self._admission.subscription(self.user_id)
