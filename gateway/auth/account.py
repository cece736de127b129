"""What signing in needs besides the database: the hasher, the tokens, and the brake on guessing."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from gateway.auth.identity import Identity
from gateway.auth.keyring import KeyRing
from gateway.auth.network import network_of
from gateway.auth.password import PasswordHasher
from gateway.auth.revocation import Revocations
from gateway.auth.throttle import ACCOUNT, ADDRESS, SIGN_UPS, Throttle
from gateway.auth.token import IssuedToken, TokenAuthority
from gateway.errors import Overloaded


@dataclass(slots=True)
class Attempt:
    """One try at a password."""

    outcome: str = "abandoned"

    def failed(self) -> None:
        """The password was wrong."""
        self.outcome = "failed"

    def succeeded(self) -> None:
        """The password was right."""
        self.outcome = "succeeded"


@dataclass(frozen=True, slots=True)
class Accounts:
    """The parts of sign-in that one process shares."""

    keys: KeyRing
    tokens: TokenAuthority
    passwords: PasswordHasher
    revocations: Revocations
    refresh_life: datetime.timedelta
    session_life: datetime.timedelta
    by_account: Throttle = field(default_factory=lambda: Throttle(ACCOUNT))
    by_address: Throttle = field(default_factory=lambda: Throttle(ADDRESS))
    sign_ups: Throttle = field(default_factory=lambda: Throttle(SIGN_UPS))
    """By address."""

    def issue(self, user_id: UUID, session_id: UUID) -> IssuedToken:
        """An access token of a session."""
        return self.tokens.issue(user_id, session_id)

    def verify(self, token: str) -> Identity:
        """The caller that a token proves. Raises `Unauthenticated` also when its session has been ended."""
        identity = self.tokens.verify(token)
        self.revocations.check(identity.session_id)
        return identity

    @contextmanager
    def attempt(self, account: str, address: str | None) -> Iterator[Attempt]:
        """Let one try pass, slowed down after many failures for the account or from the address.

        Raises `Overloaded` with the seconds to wait. A try that ends without an outcome does not count.
        """
        tried = Attempt()
        with (
            self._counted(self.by_address, network_of(address), tried),
            self._counted(self.by_account, account[:254], tried),
        ):
            yield tried

    @contextmanager
    def sign_up(self, address: str | None) -> Iterator[None]:
        """Let one sign-up pass, slowed down after many from the address.

        Raises `Overloaded` with the seconds to wait. One that meets another `Overloaded` does not count.
        """
        network = network_of(address)
        self.sign_ups.check(network)
        try:
            yield
        except Overloaded:
            self.sign_ups.abandoned(network)
            raise

    @contextmanager
    def _counted(self, throttle: Throttle, key: str, tried: Attempt) -> Iterator[None]:
        throttle.check(key)
        try:
            yield
        finally:
            getattr(throttle, tried.outcome)(key)
