"""Access tokens: signed, short-lived, and verified without the database.

A token is a compact JWS (RFC 7515), signed with Ed25519, of type `at+jwt`. The header is compared, not interpreted: it
must equal, byte for byte, a header that this gateway writes for a key of its own ring. So a caller's `alg`, `kid`,
`jwk`, `jku`, `x5c`, `crit` and `b64` are never interpreted (RFC 8725, sections 3.1 and 3.10), and the JSON forms of JWS
cannot match. Changing the header therefore invalidates all existing tokens.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry, deserialize_compact, serialize_compact
from joserfc.util import json_b64encode

from gateway.auth.claims import decode_claims, encode_claims
from gateway.auth.identity import Identity
from gateway.auth.keyring import ALGORITHM, KeyRing
from gateway.errors import Unauthenticated

LONGEST_TOKEN = 4096
"""In characters. Parley's tokens have about 600."""
CLOCK_SKEW_SECONDS = 60
"""How far the clock of the gateway that issued a token may be ahead of ours."""

EXPIRED = "The access token has expired."
NOT_VALID = "The access token is not valid."


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new access token. The text is sent to its holder once, and not stored."""

    token: str = field(repr=False)
    token_id: str
    expires_at: datetime


class TokenAuthority:
    """Issues and verifies the access tokens of one issuer for one audience.

    The `remembered` most recently used verified tokens are cached until they expire: verifying a signature costs about
    100 times as much as a look-up. Not thread-safe.
    """

    def __init__(
        self,
        keys: KeyRing,
        *,
        issuer: str,
        audience: str,
        lifetime_seconds: int = 15 * 60,
        leeway_seconds: float = 0,
        remembered: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` returns seconds since 1970. A token is accepted for `leeway_seconds` after it expires."""
        self._signing_key = keys.signing
        self._keys_by_header = {json_b64encode(_header(key)).decode(): key for key in keys.verifying}
        self._issuer = issuer
        self._audience = audience
        self._lifetime_seconds = lifetime_seconds
        self._leeway_seconds = leeway_seconds
        self._remembered = remembered
        self._clock = clock
        self._verified: OrderedDict[str, tuple[Identity, float]] = OrderedDict()

    def issue(self, user_id: UUID, session_id: UUID, *, now: float | None = None) -> IssuedToken:
        """Issue a token that is valid from `now` (in seconds since 1970; by default, the clock's time)."""
        issued_at = int(self._clock() if now is None else now)
        expires_at = datetime.fromtimestamp(issued_at + self._lifetime_seconds, UTC)
        token_id = secrets.token_urlsafe(16)
        identity = Identity(user_id, session_id, "user", frozenset(), expires_at, token_id)
        payload = encode_claims(identity, issuer=self._issuer, audience=self._audience, issued_at=issued_at)
        token = serialize_compact(_header(self._signing_key), payload, self._signing_key, registry=_REGISTRY)
        return IssuedToken(token, token_id, expires_at)

    def verify(self, token: str) -> Identity:
        """The identity that a token proves.

        Raises `Unauthenticated` if the token has expired (then a refresh helps) or is not valid (then only a new
        sign-in does).
        """
        known = self._verified.get(token)
        if known is None:
            return self._verify_unknown(token)
        identity, end = known
        if self._clock() >= end:
            del self._verified[token]
            raise Unauthenticated(EXPIRED)
        self._verified.move_to_end(token)
        return identity

    def _verify_unknown(self, token: str) -> Identity:
        identity, issued_at = self._read(token)
        now = self._clock()
        if issued_at > now + CLOCK_SKEW_SECONDS:
            raise Unauthenticated(NOT_VALID)
        end = identity.expires_at.timestamp() + self._leeway_seconds
        if now >= end:
            raise Unauthenticated(EXPIRED)
        self._remember(token, identity, end)
        return identity

    def _read(self, token: str) -> tuple[Identity, int]:
        key = self._keys_by_header.get(token.partition(".")[0]) if len(token) <= LONGEST_TOKEN else None
        if key is None:
            raise Unauthenticated(NOT_VALID)
        try:
            payload = deserialize_compact(token, key, registry=_REGISTRY).payload
            return decode_claims(payload, issuer=self._issuer, audience=self._audience)
        except (JoseError, ValueError) as error:
            raise Unauthenticated(NOT_VALID) from error

    def _remember(self, token: str, identity: Identity, end: float) -> None:
        self._verified[token] = identity, end
        if len(self._verified) > self._remembered:
            self._verified.popitem(last=False)


def _one_algorithm() -> JWSRegistry:
    """A registry that allows only one algorithm.

    joserfc warns at each use of the name `EdDSA`, which RFC 9864 deprecates because it does not specify the curve. The
    key ring contains only Ed25519 keys, so there is no ambiguity, and other libraries know `EdDSA`.
    """
    algorithm = copy(JWSRegistry.algorithms[ALGORITHM])
    algorithm.security_warning = None
    registry = JWSRegistry(algorithms=[ALGORITHM])
    registry.algorithms = {ALGORITHM: algorithm}
    return registry


_REGISTRY = _one_algorithm()


def _header(key: OKPKey) -> dict[str, str | None]:
    return {"alg": ALGORITHM, "typ": "at+jwt", "kid": key.kid}
