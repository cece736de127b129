"""Identifies the caller by the access token in a header or in a websocket's first message.

A token is the only credential. Cookies are ignored, so cross-site requests carry no rights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from gateway.auth.client import Client
from gateway.auth.identity import Identity
from gateway.auth.opaque.agent_token import NotLookedUp
from gateway.errors import Unauthenticated

T = TypeVar("T")

Verify = Callable[[str], Identity]
"""Returns the identity that a token proves. Raises `Unauthenticated`, and `NotLookedUp` if that must be awaited."""


def identify(authorizations: Sequence[str], verify: Verify) -> Identity | None:
    """The caller of a request with these Authorization headers; None if there are none. Raises what `verify` does."""
    if not authorizations:
        return None
    if len(authorizations) > 1:
        raise Unauthenticated("The request has more than one Authorization header.")
    return verify(_token_of(authorizations[0]))


async def identity_of(identified: Callable[[], T], client: Client) -> T | Identity:
    """What the function returns, or the identity that it could not tell without a look-up.

    Raises `Unauthenticated` and, because of the look-up, `Overloaded` and `Unavailable`.
    """
    try:
        return identified()
    except NotLookedUp as unknown:
        return await unknown.look_up(client.address)


def bearer_token(authorization: object) -> str:
    """The token in `Bearer <token>`. Raises `Unauthenticated` for any other value."""
    return _token_of(authorization if isinstance(authorization, str) else "")


@lru_cache(maxsize=1024)
def _token_of(authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The authorization must read: Bearer <access token>.")
    return token.strip()


def token_in(params: Mapping[str, Any]) -> str | None:
    """The token in a websocket's connection parameters, in any of the places where client libraries put it."""
    headers = params.get("headers")
    for holder in (params, headers if isinstance(headers, dict) else {}):
        for name in ("Authorization", "authorization"):
            if holder.get(name) is not None:
                return bearer_token(holder[name])
    token = params.get("accessToken")
    if token is not None and not isinstance(token, str):
        raise Unauthenticated("The accessToken must be a string.")
    return token
