"""Throttles password guesses, by account and by address, and sign-ups, by address.

It uses a doubling delay rather than a lock-out, which would let anyone lock out anyone else. The counts are per
process: with N gateways an attacker has up to N times the attempts, for which the delays allow. The workers of one
gateway divide its free attempts among themselves.

The order for a sign-in: check the address, then the account; then hash; then call `failed` or `succeeded` on both, or
`abandoned` if there was no result.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, log2

from gateway.errors import Overloaded


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many attempts are free, and how the delay grows after them."""

    free_attempts: int
    """Failures within the window before there is any delay."""
    success_clears: bool
    """Whether a success clears earlier failures. Otherwise it merely does not count as one."""
    first_delay_seconds: float = 1
    longest_delay_seconds: float = 60
    """Short enough for the owner of an attacked account to sign in, long enough for only 1,440 guesses a day."""
    window_seconds: float = 15 * 60

    def shared_by(self, processes: int) -> Allowance:
        """The allowance of one of several processes that count separately.

        The delays stay the same: longer ones would keep out the owner of an account under attack.
        """
        return replace(self, free_attempts=max(1, self.free_attempts // processes))


ACCOUNT = Allowance(free_attempts=5, success_clears=True)
ADDRESS = Allowance(free_attempts=50, success_clears=False)
"""Many people share an address, and an attacker's sign-in to their own account must not clear it."""


SIGN_UPS = Allowance(free_attempts=20, success_clears=False, window_seconds=60 * 60)
"""Sign-ups from one address. Each counts, whether it succeeds or not."""

LOOK_UPS = Allowance(free_attempts=200, success_clears=False)
"""Look-ups of agents' tokens from one address. Only those of genuine tokens that are refused count, and of each process
once a minute. So this bounds the work of the database, and not guesses."""


class Throttle:
    """A sliding window of attempts per key. Beyond `capacity` keys, the least recently used is evicted.

    A key must be something that an attacker cannot vary for free: an email address of normalised spelling and bounded
    length, an IPv4 address, or the first 64 bits of an IPv6 address.
    """

    def __init__(
        self, allowance: Allowance, *, capacity: int = 20_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` returns monotonic seconds."""
        self._allowance = allowance
        self._capacity = capacity
        self._clock = clock
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()
        doublings = ceil(log2(allowance.longest_delay_seconds / allowance.first_delay_seconds))
        self._remembered = allowance.free_attempts + doublings + 1

    def check(self, key: str) -> None:
        """Admit one attempt, which counts as failed until another outcome is reported.

        Counting it immediately stops bursts of parallel guesses. Raises `Overloaded` with `retryAfter`, in whole
        seconds, while the key must wait; a refused attempt does not count.
        """
        now = self._clock()
        attempts = self._recent(key, now)
        wait = attempts[-1] + self._delay_seconds(len(attempts)) - now if attempts else 0
        if wait > 0:
            raise Overloaded("Too many attempts. Wait before the next one.", retryAfter=ceil(wait))
        attempts.append(now)

    def failed(self, key: str) -> None:
        """Record a failure. The delay runs from now, not from when the attempt was queued."""
        if attempts := self._attempts.get(key):
            attempts[-1] = self._clock()

    def succeeded(self, key: str) -> None:
        """Record a success."""
        if self._allowance.success_clears:
            self._attempts.pop(key, None)
        else:
            self.abandoned(key)

    def abandoned(self, key: str) -> None:
        """Record that the attempt had no result. It does not count."""
        if attempts := self._attempts.get(key):
            attempts.pop()

    def _recent(self, key: str, now: float) -> deque[float]:
        attempts = self._attempts.setdefault(key, deque(maxlen=self._remembered))
        self._attempts.move_to_end(key)
        if len(self._attempts) > self._capacity:
            self._attempts.popitem(last=False)
        while attempts and attempts[0] <= now - self._allowance.window_seconds:
            attempts.popleft()
        return attempts

    def _delay_seconds(self, attempts: int) -> float:
        beyond = attempts - self._allowance.free_attempts
        if beyond < 0:
            return 0
        return min(self._allowance.longest_delay_seconds, self._allowance.first_delay_seconds * 2.0**beyond)
