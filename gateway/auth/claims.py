"""The claims of an access token: encodes an `Identity` as JSON, and decodes it.

The claims are those of RFC 7519 (`iss aud sub jti iat exp`), RFC 8693 (`scope` and `act`, which are the same in every
token: agents have tokens of their own) and OpenID Connect (`sid`). All are required. `client_id`, which RFC 9068 adds
for `at+jwt`, is left out: only this gateway reads its tokens, and it has sessions rather than OAuth clients.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from asyncpg.pgproto import pgproto

from gateway.auth.identity import Identity

_OF_A_PERSON: Mapping[str, Any] = {"scope": "", "act": {"sub": "user"}}


def encode_claims(identity: Identity, *, issuer: str, audience: str, issued_at: int) -> bytes:
    """Encode the payload of a token for `identity`. `issued_at` is in seconds since 1970."""
    claims = {
        "iss": issuer,
        "aud": audience,
        "sub": str(identity.user_id),
        "sid": str(identity.credential_id),
        "jti": identity.token_id,
        "iat": issued_at,
        "exp": int(identity.expires_at.timestamp()),
        **_OF_A_PERSON,
    }
    return json.dumps(claims, separators=(",", ":")).encode()


def decode_claims(payload: bytes, *, issuer: str, audience: str) -> tuple[Identity, int]:
    """Decode a payload whose signature has been verified. Returns the identity and when the token was issued.

    The time is in seconds since 1970. Raises `ValueError` for claims that `encode_claims` would not write for this
    issuer and audience.
    """
    claims = _parse(payload)
    if _text(claims, "iss") != issuer or _text(claims, "aud") != audience:
        raise ValueError("The token is from another issuer or for another audience.")
    if any(_claim(claims, name) != value for name, value in _OF_A_PERSON.items()):
        raise ValueError("The token is not that of a person.")
    identity = Identity(
        user_id=_uuid(claims, "sub"),
        credential_id=_uuid(claims, "sid"),
        actor="user",
        scopes=frozenset(),
        expires_at=_date(_seconds(claims, "exp")),
        token_id=_text(claims, "jti"),
    )
    return identity, _seconds(claims, "iat")


def _parse(payload: bytes) -> Mapping[str, Any]:
    try:
        # Decoded first, because the parser would also accept bytes in UTF-16 and UTF-32.
        claims = json.loads(payload.decode(), object_pairs_hook=_distinct)
    except RecursionError:
        raise ValueError("The claims are nested too deeply.") from None
    if not isinstance(claims, dict):
        raise ValueError("The claims are not a JSON object.")
    return claims


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two parsers must not read different users from one token (RFC 7519, section 4).
    claims = dict(pairs)
    if len(claims) != len(pairs):
        raise ValueError("A claim occurs twice.")
    return claims


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    if name not in claims:
        raise ValueError(f"The claim {name!r} is missing.")
    return claims[name]


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = _claim(claims, name)
    if not isinstance(value, str):
        raise ValueError(f"The claim {name!r} is not a string.")
    return value


def _seconds(claims: Mapping[str, Any], name: str) -> int:
    value = _claim(claims, name)
    if type(value) is not int:  # a bool is an int too, and a float may be NaN, which is never in the past
        raise ValueError(f"The claim {name!r} is not a whole number of seconds.")
    return value


def _date(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:  # depending on the platform
        raise ValueError("The claim 'exp' is not a valid time.") from error


def _uuid(claims: Mapping[str, Any], name: str) -> UUID:
    text = _text(claims, name)
    value: UUID = pgproto.UUID(text)  # compared and hashed in C, many times per request
    if str(value) != text:
        raise ValueError(f"The claim {name!r} is not a UUID in its usual form.")
    return value
