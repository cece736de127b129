"""Slows down the guessing of passwords, by account and by address, and the making of accounts, by address.

A delay that doubles is used rather than a lock-out, which would let anybody lock anybody out. The count is
kept in this process: with N gateways a guesser has up to N times the attempts, and the delay bears that. The workers of
one gateway share its free attempts among them.

The order for a sign-in: check the address, then the account (a refused one still counts for its address);
then hash; then tell both `failed` or `succeeded`, or `abandoned` if no answer was found.
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
    """How many attempts are let through at once, and how the delay grows after them."""

    free_attempts: int
    """Failures within the window before there is any delay."""
    success_clears: bool
    """Whether a success forgets earlier failures, or only does not count as one."""
    first_delay_seconds: float = 1
    longest_delay_seconds: float = 60
    """Short enough that the owner of an account under attack gets in, long enough for 1,440 guesses a day."""
    window_seconds: float = 15 * 60

    def shared_by(self, processes: int) -> Allowance:
        """The share of one of several processes that each count for themselves.

        The delays stay as they are: made longer, they would keep the owner of an account under attack out.
        """
        return replace(self, free_attempts=max(1, self.free_attempts // processes))


ACCOUNT = Allowance(free_attempts=5, success_clears=True)
ADDRESS = Allowance(free_attempts=50, success_clears=False)
"""Many people share an address, and a guesser's success with an account of their own must not clear it."""


SIGN_UPS = Allowance(free_attempts=20, success_clears=False, window_seconds=60 * 60)
"""From one address. Each counts, whatever becomes of it."""


class Throttle:
    """A sliding window of attempts for each key. Beyond `capacity` keys, the least recent is forgotten.

    A key is what a guesser cannot vary for free: an email address in one spelling and of bounded length, an
    IPv4 address, the first 64 bits of an IPv6 address.
    """

    def __init__(
        self, allowance: Allowance, *, capacity: int = 20_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` gives seconds that never go back."""
        self._allowance = allowance
        self._capacity = capacity
        self._clock = clock
        self._attempts: OrderedDict[str, deque[float]] = OrderedDict()
        doublings = ceil(log2(allowance.longest_delay_seconds / allowance.first_delay_seconds))
        self._remembered = allowance.free_attempts + doublings + 1

    def check(self, key: str) -> None:
        """Let one attempt through, which counts as failed until it is reported otherwise.

        Counting it at once is what stops a burst of parallel guesses. Raises Overloaded with `retryAfter`, in
        whole seconds, while the key has to wait; that costs the key nothing further.
        """
        now = self._clock()
        attempts = self._recent(key, now)
        wait = attempts[-1] + self._delay_seconds(len(attempts)) - now if attempts else 0
        if wait > 0:
            raise Overloaded("Too many attempts. Wait before the next one.", retryAfter=ceil(wait))
        attempts.append(now)

    def failed(self, key: str) -> None:
        """The attempt was a wrong guess: the delay runs from now, not from when it joined a queue."""
        if attempts := self._attempts.get(key):
            attempts[-1] = self._clock()

    def succeeded(self, key: str) -> None:
        """The attempt was right."""
        if self._allowance.success_clears:
            self._attempts.pop(key, None)
        else:
            self.abandoned(key)

    def abandoned(self, key: str) -> None:
        """The attempt came to no answer, and does not count."""
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
