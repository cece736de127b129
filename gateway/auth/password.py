"""Passwords: which are accepted, and how they are hashed without blocking the event loop.

The rules are those of NIST SP 800-63B, section 5.1.1.2: a minimum length, a list of common passwords, no composition
rules, no truncation, and Unicode normalisation (NFKC), so that all keyboards give the same password. The hash is
argon2id with OWASP's minimum parameters (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane), which takes about 40
ms of one processor.
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
"""In characters. Normalising and hashing much longer passwords would allow denial of service."""


Purpose = Literal["sign-in", "sign-up"]


class Requester(NamedTuple):
    """Who is served in turn: the purpose of a password, and the network that it comes from."""

    purpose: Purpose
    network: str


UNKNOWN = Requester("sign-in", "")


def check_password(password: str, *, email: str) -> str | None:
    """Why a new password is refused, worded for its user; None if it is accepted."""
    if len(password) > LONGEST:
        return f"The password is longer than {LONGEST} characters."
    text = _normalised(password)
    # Normalising can lengthen a text: one ligature may become eighteen letters. One key press must not be enough.
    if min(len(text), len(password)) < SHORTEST:
        return f"The password is shorter than {SHORTEST} characters."
    folded = text.casefold()
    if folded in _names(email):
        return "The password is your email address."
    if folded in COMMON_PASSWORDS or len(set(folded)) < 4:
        return "The password is too easy to guess."
    return None


class PasswordHasher:
    """Hashes and verifies in dedicated threads with bounded queues.

    In the event loop's default executor, sign-ins would delay everything else that needs a thread. Without a bound, a
    flood of them would use up memory and delay every sign-in. Sign-ins and sign-ups, and the networks they come from,
    take turns. Each thread uses `memory_kib` while it works.
    """

    def __init__(self, *, threads: int = 1, waiting: int = 32, memory_kib: int = 19 * 1024, passes: int = 2) -> None:
        """At most `threads` passwords are processed at a time. Up to `waiting` sign-ins and as many sign-ups queue."""
        self._argon2 = argon2.PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._nobody = _unmatched_hash(self._argon2)
        self._threads = PasswordThreads(threads, waiting)

    async def hash(self, password: str, requester: Requester = UNKNOWN) -> str:
        """The hash to store, including its parameters and salt. Raises `Overloaded` if the queue is full."""
        return await self._threads.run(*requester, lambda: self._argon2.hash(_encoded(password)))

    async def verify(self, stored: str | None, password: str, requester: Requester = UNKNOWN) -> bool:
        """Whether the password matches the stored hash.

        None stands for an unknown user: the answer is False after the same work as for a known one, so that timing does
        not reveal which accounts exist. Raises `Overloaded` if the queue is full.
        """
        if stored is None or len(password) > LONGEST:
            await self._threads.run(*requester, lambda: self._matches(self._nobody, ""))
            return False
        return await self._threads.run(*requester, lambda: self._matches(stored, password))

    def needs_rehash(self, stored: str) -> bool:
        """Whether the hash has outdated parameters. If so, hash the password again while it is available."""
        return self._argon2.check_needs_rehash(stored)

    def close(self) -> None:
        """Cancel queued work, and wait for running work (tens of milliseconds)."""
        self._threads.close()

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._argon2.verify(stored, _encoded(password))
        except VerifyMismatchError:
            return False


def _unmatched_hash(hasher: argon2.PasswordHasher) -> str:
    """A random hash that no known password matches. Verifying against it costs the same as against a real one."""
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
    # JSON can contain a lone surrogate, which UTF-8 cannot. Such a password is odd but must not cause an error.
    return _normalised(password).encode("utf-8", "surrogatepass")
