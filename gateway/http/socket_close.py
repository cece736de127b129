"""Why a socket is closed: the codes of graphql-transport-ws and what clients make of them."""

from __future__ import annotations

from enum import IntEnum

# A close frame holds at most 125 bytes, two of them for the code.
MAX_REASON_BYTES = 123


class CloseCode(IntEnum):
    """The codes that a socket is closed with."""

    NORMAL = 1000
    INTERNAL = 1011
    RESTARTING = 1012
    TOO_SLOW = 1013
    INVALID_MESSAGE = 4400
    UNAUTHORIZED = 4401
    # Stock clients connect again after this one, and ask their `connectionParams` for a new token first.
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INIT_TIMEOUT = 4408
    DUPLICATE_SUBSCRIBER = 4409
    TOO_MANY_INITS = 4429


class SocketClosedError(Exception):
    """The socket is to be closed, with this code and reason."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(f"{code.value} {reason}")
        self.code = code
        self.reason = reason


def encode_reason(reason: str) -> bytes:
    """The reason as it fits into a close frame, cut between characters."""
    encoded = reason.encode(errors="replace")
    if len(encoded) <= MAX_REASON_BYTES:
        return encoded
    ellipsis = "…".encode()
    return encoded[: MAX_REASON_BYTES - len(ellipsis)].decode(errors="ignore").encode() + ellipsis
