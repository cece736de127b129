"""Authentication, apart from the accounts themselves: the password hasher, the tokens, and throttling of guesses."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from gateway.auth.identity import Identity
from gateway.auth.keyring import KeyRing
from gateway.auth.network import network_of
from gateway.auth.opaque.agent_token import AGENT, PREFIX, AgentTokens
from gateway.auth.opaque.opaque_token import OpaqueToken, PresentedToken
from gateway.auth.opaque.refresh import REFRESH, succeed
from gateway.auth.password import PasswordHasher, Purpose, Requester
from gateway.auth.revocation import Revocations
from gateway.auth.throttle import ACCOUNT, ADDRESS, SIGN_UPS, Throttle
from gateway.auth.token import IssuedToken, TokenAuthority
from gateway.errors import Overloaded, Unauthenticated


@dataclass(slots=True)
class Attempt:
    """One attempt at a password."""

    passwords: PasswordHasher
    requester: Requester
    outcome: Literal["abandoned", "failed", "succeeded"] = "abandoned"

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password matches the stored hash. None stands for an unknown user, and takes as long.

        Raises `Overloaded` if the queue is full.
        """
        matches = await self.passwords.verify(stored, password, self.requester)
        self.outcome = "succeeded" if matches else "failed"
        return matches

    async def rehash(self, stored: str, password: str) -> str | None:
        """A new hash of a verified password if the stored one has outdated parameters, and the queue is not full."""
        if self.passwords.needs_rehash(stored):
            with suppress(Overloaded):
                return await self.passwords.hash(password, self.requester)
        return None


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """The tokens of a session: an access token, and the refresh token for the next one."""

    access: IssuedToken
    refresh: OpaqueToken


@dataclass(frozen=True, slots=True)
class Authenticator:
    """The shared parts of authentication in one process."""

    keys: KeyRing
    tokens: TokenAuthority
    agents: AgentTokens
    passwords: PasswordHasher
    revocations: Revocations
    refresh_life: datetime.timedelta
    session_life: datetime.timedelta
    by_account: Throttle = field(default_factory=lambda: Throttle(ACCOUNT))
    by_address: Throttle = field(default_factory=lambda: Throttle(ADDRESS))
    sign_ups: Throttle = field(default_factory=lambda: Throttle(SIGN_UPS))
    """By network."""

    def issue(self, user_id: UUID, session_id: UUID) -> SessionTokens:
        """Issue the first tokens of a session."""
        access = self.tokens.issue(user_id, session_id)
        return SessionTokens(access, REFRESH.mint(user_id, session_id, self.keys.refresh_key))

    def exchange(self, refresh_token: str) -> tuple[PresentedToken, SessionTokens]:
        """Parse a refresh token, and create the tokens that replace it. The session decides whether they are issued.

        Raises `Unauthenticated` for a text that no gateway of this deployment issued.
        """
        presented = REFRESH.parse(refresh_token, self.keys.refresh_key)
        successor = succeed(refresh_token, self.keys.refresh_key)
        return presented, SessionTokens(self.tokens.issue(presented.user_id, presented.id), successor)

    def issue_to_agent(self, user_id: UUID, id: UUID) -> OpaqueToken:
        """Issue the token of an agent, to be stored in the row with this id."""
        return AGENT.mint(user_id, id, self.keys.refresh_key)

    def verify(self, token: str) -> Identity:
        """The identity that a token proves.

        Raises `Unauthenticated`, also if its session has been ended or the agent's token revoked, and `NotLookedUp` for
        the token of an agent that must be looked up first.
        """
        if token[:4] == PREFIX:
            return self.agents.verify(token)
        identity = self.tokens.verify(token)
        if self.revocations.has(identity.credential_id):
            raise Unauthenticated("This session has ended: sign in again.")
        return identity

    @contextmanager
    def attempt(self, purpose: Purpose, account: str, address: str | None) -> Iterator[Attempt]:
        """Admit one attempt at a password, throttled after many failures for the account or from the address.

        Raises `Overloaded` with the seconds to wait. An attempt without an outcome does not count.
        """
        network = network_of(address)
        attempt = Attempt(self.passwords, Requester(purpose, network))
        with (
            self._counted(self.by_address, network, attempt),
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

    async def hash_password(self, password: str, address: str | None) -> str:
        """The hash to store for a new account. Raises `Overloaded` if the queue is full."""
        return await self.passwords.hash(password, Requester("sign-up", network_of(address)))

    @contextmanager
    def _counted(self, throttle: Throttle, key: str, attempt: Attempt) -> Iterator[None]:
        throttle.check(key)
        try:
            yield
        finally:
            getattr(throttle, attempt.outcome)(key)
