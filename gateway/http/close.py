"""Why a socket is closed: the close codes, and what a client should do about each.

The table in resolvers/README.md is generated from these. An event stream has no close codes; if it is interrupted, a
comment carries the same code and reason.
"""

from __future__ import annotations

from enum import IntEnum

# A close frame holds at most 125 bytes, two of them for the code.
MAX_REASON_BYTES = 123


class CloseCode(IntEnum):
    """A close code, with what happened and what to do about it."""

    happened: str
    remedy: str

    def __new__(cls, value: int, happened: str, remedy: str) -> CloseCode:
        code = int.__new__(cls, value)
        code._value_ = value
        code.happened = happened
        code.remedy = remedy
        return code

    RESTARTING = 1012, "the gateway is restarting", "reconnect and resume"
    TOO_SLOW = 1013, "the client read too slowly", "reconnect and resume"
    # Stock clients reconnect after this code, and call `connectionParams` for a new token first.
    FORBIDDEN = (
        4403,
        "the token is invalid, has expired or was revoked, or its session has ended",
        "get a new token, reconnect and resume",
    )
    NO_ROOM = 4503, "the user has too many open sockets", "close some, reconnect after a few seconds and resume"
    UNAVAILABLE = 4504, "the token could not be looked up at the moment", "reconnect after a few seconds and resume"
    INIT_TIMEOUT = 4408, "no `connection_init` arrived in time", "reconnect and send it immediately"
    INTERNAL = 1011, "internal error; the reason has a reference to the server's log", "reconnect and resume"
    BROKEN_FRAME = 1002, "a frame violated the websocket protocol", "fix the client"
    NOT_UTF8 = 1007, "a message was not valid UTF-8", "fix the client"
    TOO_LARGE = 1009, "a message was too large or had too many fragments", "send smaller messages"
    INVALID_MESSAGE = 4400, "a message violated the protocol; the reason says how", "fix the client"
    UNAUTHORIZED = 4401, "an operation arrived before `connection_init`", "fix the client"
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406, "the client does not speak graphql-transport-ws", "fix the client"
    DUPLICATE_SUBSCRIBER = 4409, "the operation id was already in use", "fix the client"
    TOO_MANY_INITS = 4429, "a second `connection_init` arrived", "fix the client"


class SocketClosedError(Exception):
    """The socket must be closed with this code and reason."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(f"{code.value} {reason}")
        self.code = code
        self.reason = reason


def encode_reason(reason: str) -> bytes:
    """The reason, truncated between characters to fit into a close frame."""
    encoded = reason.encode(errors="replace")
    if len(encoded) <= MAX_REASON_BYTES:
        return encoded
    ellipsis = "…".encode()
    return encoded[: MAX_REASON_BYTES - len(ellipsis)].decode(errors="ignore").encode() + ellipsis


def close_code_table() -> str:
    """The codes as a Markdown table."""
    rows = [f"| {code.value} | {code.happened} | {code.remedy} |" for code in CloseCode]
    return "\n".join(["| code | what happened | what to do |", "| --- | --- | --- |", *rows])
