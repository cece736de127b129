"""The rules of RFC 6455 about the frames of a client.

aiohttp's reader lets pass what is not masked, a message inside another and lengths that are not as short as they could
be. At what it does notice it closes the connection at once, so that a client which goes on sending loses the close code
to a reset. What is seen here is answered, and what follows is dropped until the client has read that. What is left to
aiohttp is what takes the content: whether it is UTF-8.
"""

from __future__ import annotations

RESERVED_BITS = "a frame has reserved bits"
UNKNOWN_OPCODE = "the opcode of a frame is not known"
NOT_MASKED = "a frame is not masked"
CONTROL_IN_PIECES = "a control frame is in pieces"
CONTROL_TOO_LARGE = "a control frame is larger than 125 bytes"
NOTHING_TO_CONTINUE = "a frame continues no message"
INSIDE_ANOTHER = "a message begins inside another"
LENGTH_TOO_WIDE = "the length of a frame is written in more bytes than it takes"
LENGTH_TOO_LARGE = "the length of a frame has its first bit set"

_FINAL, _RESERVED, _OPCODE, _CONTROL = 0x80, 0x70, 0x0F, 0x08
_MASKED, _LENGTH = 0x80, 0x7F
_KNOWN_OPCODES = frozenset({0, 1, 2, 8, 9, 10})

_FRAME_BYTES = 6
"""Of a frame without its payload and without more bytes for the length: two, and the mask."""


def may_be_sent(code: int) -> bool:
    """Whether a close frame may carry this code: 1004 to 1006 and 1015 are never sent, and others are not assigned."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


class Framing:
    """Follows the frames of one client, however they are cut into pieces."""

    __slots__ = ("_head", "_inside", "_left")

    def __init__(self) -> None:
        self._head = b""
        """The beginning of a frame whose length is not known yet."""
        self._left = 0
        """Bytes of the last frame that are still to come."""
        self._inside = False
        """Whether more frames of a message are to come."""

    def violation(self, data: bytes) -> str | None:
        """What is wrong with what has come; None if nothing is."""
        if self._head:
            data, self._head = self._head + data, b""
        at, size = self._left, len(data)
        while size - at >= 2:
            first, second = data[at], data[at + 1]
            if (wrong := self._wrong_with(first, second)) is not None:
                return wrong
            length = second & _LENGTH
            if length >= 126:
                wide = 2 if length == 126 else 8
                if size - at < 2 + wide:
                    break
                length = int.from_bytes(data[at + 2 : at + 2 + wide], "big")
                if length < (126 if wide == 2 else 2**16):
                    return LENGTH_TOO_WIDE
                if length >= 2**63:
                    return LENGTH_TOO_LARGE
                at += wide
            if not first & _CONTROL:
                self._inside = not first & _FINAL
            at += _FRAME_BYTES + length
        self._left = max(0, at - size)
        if at < size:
            self._head = data[at:]
        return None

    def _wrong_with(self, first: int, second: int) -> str | None:
        """What is wrong with a frame that begins with these two bytes."""
        opcode = first & _OPCODE
        if first & _RESERVED:
            return RESERVED_BITS
        if opcode not in _KNOWN_OPCODES:
            return UNKNOWN_OPCODE
        if not second & _MASKED:
            return NOT_MASKED
        if opcode & _CONTROL:
            if not first & _FINAL:
                return CONTROL_IN_PIECES
            return CONTROL_TOO_LARGE if second & _LENGTH > 125 else None
        if self._inside:
            return INSIDE_ANOTHER if opcode else None
        return None if opcode else NOTHING_TO_CONTINUE
