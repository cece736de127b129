"""Limits on sockets, event streams and subscriptions, per process and per caller.

Each open socket or stream holds a `Seat`. Without a token it counts against the limits of anonymous clients; a token
moves it to its user. A user's subscriptions are counted over all seats. The counts are per process, so N processes
admit N times as many.
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
"""`Retry-After` of a refused client."""

_LOG_SECONDS = 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Cap:
    """The most that one holder may have of a resource."""

    name: str
    most: int
    what: str
    status: int
    """HTTP status: 429 if the caller has too many, 503 if the process has."""


Claim = tuple[Cap, Hashable]
"""One unit counted against a cap of this holder. The holder None is the process."""


class NoRoom(Overloaded):
    """A cap is reached. Nothing was started."""

    def __init__(self, cap: Cap) -> None:
        super().__init__(f"At most {cap.most:,} {cap.what}. Try again later.", retryAfter=RETRY_SECONDS)
        self.status = cap.status

    def reply(self) -> Reply:
        """This error as an HTTP response."""
        return Reply(self.status, JSON, failed(self).bytes(), {"Retry-After": str(RETRY_SECONDS)})


class Admission:
    """The seats of one process."""

    def __init__(self, options: Options) -> None:
        self._sockets = Cap("sockets", options.max_sockets, "sockets can be open per process", 503)
        self._of_network = Cap(
            "sockets_per_address", options.max_sockets_per_address, "sockets can be open per address", 429
        )
        self._of_user = Cap("sockets_per_user", options.max_sockets_per_user, "sockets can be open per user", 429)
        self._anonymous = Cap(
            "anonymous_sockets", options.max_anonymous_sockets, "sockets without a token can be open per process", 503
        )
        self._anonymous_of_network = Cap(
            "anonymous_sockets_per_address",
            options.max_anonymous_sockets_per_address,
            "sockets without a token can be open per address",
            429,
        )
        self._subscriptions = Cap("subscriptions", options.max_subscriptions, "subscriptions can run per process", 503)
        self._subscriptions_of_user = Cap(
            "subscriptions_per_user", options.max_subscriptions_per_user, "subscriptions can run per user", 429
        )
        self._held: Counter[Claim] = Counter()
        self._logged: dict[Cap, float] = {}
        self.refused: Counter[str] = Counter()
        """Number of refusals, by the name of the cap."""

    @property
    def is_empty(self) -> bool:
        """Whether every claim has been released."""
        return not self._held

    @contextmanager
    def seat(self, client: Client) -> Iterator[Seat]:
        """Hold a seat, anonymous at first, for the duration of the block. Raises `NoRoom`."""
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
        """Move a seat from the anonymous clients to a user. Raises `NoRoom`."""
        own = ((self._of_user, user_id),)
        self._take(*own)
        self._give(*seat.claims)
        seat.claims, seat.user_id = own, user_id

    @contextmanager
    def subscription(self, user_id: UUID | None) -> Iterator[None]:
        """Count a subscription for the duration of the block. Raises `NoRoom`."""
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
        # Logged because clients behind an untrusted proxy look like one caller; throttled to keep the log readable.
        if now - self._logged.get(cap, -_LOG_SECONDS) >= _LOG_SECONDS:
            self._logged[cap] = now
            _log.warning("sockets.no_room", cap=cap.name, most=cap.most, refused=self.refused[cap.name])
        raise NoRoom(cap)


class Seat:
    """The seat of one socket or stream."""

    __slots__ = ("_admission", "claims", "user_id")

    def __init__(self, admission: Admission, claims: tuple[Claim, ...]) -> None:
        self._admission = admission
        self.claims = claims
        self.user_id: UUID | None = None

    def sign_in(self, user_id: UUID) -> None:
        """Assign the seat to the user of its token. Raises `NoRoom`, and changes nothing, if the user has too many."""
        self._admission.move(self, user_id)

    def subscription(self) -> AbstractContextManager[None]:
        """Count a subscription of this seat for the duration of the block. Raises `NoRoom`."""
        return self._admission.subscription(self.user_id)
