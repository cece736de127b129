"""Authentication without the database: the password hasher, the tokens, and throttling of guesses."""

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
    """One attempt at a password."""

    outcome: str = "abandoned"

    def failed(self) -> None:
        """Record that the password was wrong."""
        self.outcome = "failed"

    def succeeded(self) -> None:
        """Record that the password was right."""
        self.outcome = "succeeded"


@dataclass(frozen=True, slots=True)
class Authenticator:
    """The shared parts of authentication in one process."""

    keys: KeyRing
    tokens: TokenAuthority
    passwords: PasswordHasher
    revocations: Revocations
    refresh_life: datetime.timedelta
    session_life: datetime.timedelta
    by_account: Throttle = field(default_factory=lambda: Throttle(ACCOUNT))
    by_address: Throttle = field(default_factory=lambda: Throttle(ADDRESS))
    sign_ups: Throttle = field(default_factory=lambda: Throttle(SIGN_UPS))
    """By network."""

    def issue(self, user_id: UUID, session_id: UUID) -> IssuedToken:
        """Issue an access token of a session."""
        return self.tokens.issue(user_id, session_id)

    def verify(self, token: str) -> Identity:
        """The identity that a token proves. Raises `Unauthenticated`, also if its session has been ended."""
        identity = self.tokens.verify(token)
        self.revocations.check(identity.session_id)
        return identity

    @contextmanager
    def attempt(self, account: str, address: str | None) -> Iterator[Attempt]:
        """Admit one attempt at a password, throttled after many failures for the account or from the address.

        Raises `Overloaded` with the seconds to wait. An attempt without an outcome does not count.
        """
        attempt = Attempt()
        with (
            self._counted(self.by_address, network_of(address), attempt),
            self._counted(self.by_account, account[:254], attempt),
        ):
            yield attempt

    @contextmanager
    def sign_up(self, address: str | None) -> Iterator[None]:
        """Admit one sign-up, throttled after many from the address.

        Raises `Overloaded` with the seconds to wait. A sign-up that fails with `Overloaded` itself does not count.
        """
        network = network_of(address)
        self.sign_ups.check(network)
        try:
            yield
        except Overloaded:
            self.sign_ups.abandoned(network)
            raise

    @contextmanager
    def _counted(self, throttle: Throttle, key: str, attempt: Attempt) -> Iterator[None]:
        throttle.check(key)
        try:
            yield
        finally:
            getattr(throttle, attempt.outcome)(key)
