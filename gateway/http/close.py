"""Why a socket is closed: the codes of graphql-transport-ws and of websockets, and what a client makes of each.

The table in the README is this one. An event stream that is cut short says the same in a comment, as it has no codes.
"""

from __future__ import annotations

from enum import IntEnum

# A close frame holds at most 125 bytes, two of them for the code.
MAX_REASON_BYTES = 123


class CloseCode(IntEnum):
    """The codes that a socket is closed with, what happened, and what to do about it."""

    happened: str
    remedy: str

    def __new__(cls, value: int, happened: str, remedy: str) -> CloseCode:
        code = int.__new__(cls, value)
        code._value_ = value
        code.happened = happened
        code.remedy = remedy
        return code

    RESTARTING = 1012, "the gateway restarts", "connect again, resume"
    TOO_SLOW = 1013, "messages were not read in time", "connect again, resume"
    # Stock clients connect again after this one, and ask their `connectionParams` for a new token first.
    FORBIDDEN = (
        4403,
        "the token ended or is not valid, or its session was ended",
        "get a new token, connect again, resume",
    )
    NO_ROOM = 4503, "the user has too many sockets open", "close some, connect again after some seconds, resume"
    INIT_TIMEOUT = 4408, "no `connection_init` came in time", "connect again and send it at once"
    INTERNAL = 1011, "a fault of ours, with a reference for our log", "connect again, resume"
    BROKEN_FRAME = 1002, "a frame broke the websocket protocol", "mend the client"
    NOT_UTF8 = 1007, "a message was not UTF-8", "mend the client"
    TOO_LARGE = 1009, "a message was too large, or in too many pieces", "send less at a time"
    INVALID_MESSAGE = 4400, "a message broke the protocol; the reason says how", "mend the client"
    UNAUTHORIZED = 4401, "an operation came before `connection_init`", "mend the client"
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406, "the client does not speak graphql-transport-ws", "mend the client"
    DUPLICATE_SUBSCRIBER = 4409, "the id of an operation was in use", "mend the client"
    TOO_MANY_INITS = 4429, "a second `connection_init`", "mend the client"


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


def close_code_table() -> str:
    """The codes as a Markdown table."""
    rows = [f"| {code.value} | {code.happened} | {code.remedy} |" for code in CloseCode]
    return "\n".join(["| close code | what happened | what to do |", "| --- | --- | --- |", *rows])
