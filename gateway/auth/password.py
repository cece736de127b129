"""Passwords: which are accepted, and how they are hashed without holding up the event loop.

The rules are those of NIST SP 800-63B, section 5.1.1.2: a length, a list of what guessers try first, no rules
about kinds of characters, nothing cut off, and Unicode normalised (NFKC) so that two keyboards give the same
password. The hash is argon2id with OWASP's minimum (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane),
about 40 ms of one processor.
"""

from __future__ import annotations

import secrets
import unicodedata
from base64 import b64encode
from typing import Literal, NamedTuple

import argon2
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import ARGON2_VERSION

from gateway.auth.common_password import COMMON_PASSWORDS
from gateway.auth.password_threads import PasswordThreads

SHORTEST = 10
LONGEST = 1024
"""In characters. Normalising and hashing anything much longer would be a way to keep us busy."""


Purpose = Literal["sign-in", "sign-up"]


class Caller(NamedTuple):
    """Whose turn it is: what a password is for, and the network that it comes from."""

    purpose: Purpose
    network: str


UNKNOWN = Caller("sign-in", "")


def check_password(password: str, *, email: str) -> str | None:
    """Why a new password is refused, in words for the person who chose it; None if it is accepted."""
    if len(password) > LONGEST:
        return f"The password is longer than {LONGEST} characters."
    text = _normalised(password)
    # Normalising can lengthen: one ligature may become eighteen letters. One key press must not be enough.
    if min(len(text), len(password)) < SHORTEST:
        return f"The password is shorter than {SHORTEST} characters."
    folded = text.casefold()
    if folded in _names(email):
        return "The password is your email address."
    if folded in COMMON_PASSWORDS or len(set(folded)) < 4:
        return "The password is too easy to guess."
    return None


class PasswordHasher:
    """Hashes and verifies in threads of its own, with bounded queues before them.

    In the event loop's own executor, sign-ins would hold up everything else that needs a thread; without a
    bound, a flood of them would take memory and make every sign-in wait. Sign-ins and sign-ups, and the networks they
    come from, take turns. Each thread takes `memory_kib` while it works.
    """

    def __init__(self, *, threads: int = 1, waiting: int = 32, memory_kib: int = 19 * 1024, passes: int = 2) -> None:
        """At most `threads` passwords are worked on; `waiting` more sign-ins wait, and as many sign-ups."""
        self._argon2 = argon2.PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._nobody = _unmatched_hash(self._argon2)
        self._threads = PasswordThreads(threads, waiting)

    async def hash(self, password: str, caller: Caller = UNKNOWN) -> str:
        """The hash to store, with its parameters and salt in it. Raises Overloaded if the queue is full."""
        return await self._threads.run(*caller, lambda: self._argon2.hash(_encoded(password)))

    async def verify(self, stored: str | None, password: str, caller: Caller = UNKNOWN) -> bool:
        """Whether the password is the one that was hashed.

        None stands for an unknown user: the answer is False after as much work as for a known one, so that
        the time does not tell which accounts exist. Raises Overloaded if the queue is full.
        """
        if stored is None or len(password) > LONGEST:
            await self._threads.run(*caller, lambda: self._matches(self._nobody, ""))
            return False
        return await self._threads.run(*caller, lambda: self._matches(stored, password))

    def needs_rehash(self, stored: str) -> bool:
        """Whether the hash has other parameters than today's: hash again while the password is at hand."""
        return self._argon2.check_needs_rehash(stored)

    def close(self) -> None:
        """Cancel those who wait, and wait for the work in hand (tens of milliseconds)."""
        self._threads.close()

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._argon2.verify(stored, _encoded(password))
        except VerifyMismatchError:
            return False


def _unmatched_hash(hasher: argon2.PasswordHasher) -> str:
    """A hash of nothing: verifying against it costs the same, and no password is known to match it."""
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (
        b64encode(secrets.token_bytes(length)).decode().rstrip("=") for length in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


def _names(email: str) -> tuple[str, str]:
    address = _normalised(email).casefold()
    return address, address.partition("@")[0]


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _encoded(password: str) -> bytes:
    # JSON can carry half a surrogate pair, which UTF-8 cannot: an odd password, but not an error of ours.
    return _normalised(password).encode("utf-8", "surrogatepass")
