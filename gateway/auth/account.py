"""What signing in needs besides the database: the hasher, the tokens, and the brake on guessing."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from gateway.auth import refresh
from gateway.auth.identity import Identity
from gateway.auth.keyring import KeyRing
from gateway.auth.network import network_of
from gateway.auth.password import Caller, PasswordHasher, Purpose
from gateway.auth.refresh import ParsedRefresh, RefreshToken
from gateway.auth.revocation import Revocations
from gateway.auth.throttle import ACCOUNT, ADDRESS, SIGN_UPS, Throttle
from gateway.auth.token import IssuedToken, TokenAuthority
from gateway.errors import Overloaded


@dataclass(slots=True)
class Attempt:
    """One try at a password."""

    passwords: PasswordHasher
    caller: Caller
    outcome: Literal["abandoned", "failed", "succeeded"] = "abandoned"

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether this is the password that was hashed. None stands for an unknown user, and takes as long.

        Raises `Overloaded` if too many wait.
        """
        matches = await self.passwords.verify(stored, password, self.caller)
        self.outcome = "succeeded" if matches else "failed"
        return matches


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """The tokens of a session: an access token, and the refresh token for the next one."""

    access: IssuedToken
    refresh: RefreshToken


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

    def issue(self, user_id: UUID, session_id: UUID) -> SessionTokens:
        """The first tokens of a session."""
        access = self.tokens.issue(user_id, session_id)
        return SessionTokens(access, refresh.mint(user_id, session_id, self.keys.refresh_key))

    def exchange(self, refresh_token: str) -> tuple[ParsedRefresh, SessionTokens]:
        """What a refresh token says, and the tokens that it may be exchanged for if its session says so too.

        Raises `Unauthenticated` for a text that no gateway of this deployment issued.
        """
        presented = refresh.parse(refresh_token, self.keys.refresh_key)
        successor = refresh.succeed(refresh_token, self.keys.refresh_key)
        return presented, SessionTokens(self.tokens.issue(presented.user_id, presented.session_id), successor)

    def verify(self, token: str) -> Identity:
        """The caller that a token proves. Raises `Unauthenticated` also when its session has been ended."""
        identity = self.tokens.verify(token)
        self.revocations.check(identity.session_id)
        return identity

    @contextmanager
    def attempt(self, purpose: Purpose, account: str, address: str | None) -> Iterator[Attempt]:
        """Let one try pass, slowed down after many failures for the account or from the address.

        Raises `Overloaded` with the seconds to wait. A try that ends without an outcome does not count.
        """
        network = network_of(address)
        tried = Attempt(self.passwords, Caller(purpose, network))
        with (
            self._counted(self.by_address, network, tried),
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

    async def hash_password(self, password: str, address: str | None) -> str:
        """The hash to store for a new account. Raises `Overloaded` if too many wait."""
        return await self.passwords.hash(password, Caller("sign-up", network_of(address)))

    @contextmanager
    def _counted(self, throttle: Throttle, key: str, tried: Attempt) -> Iterator[None]:
        throttle.check(key)
        try:
            yield
        finally:
            getattr(throttle, tried.outcome)(key)
