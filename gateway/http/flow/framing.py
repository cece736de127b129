"""Checks the frames of a client against RFC 6455.

aiohttp's reader accepts unmasked frames, a message that begins inside another, and lengths that are not minimally
encoded. When it does detect a violation it closes the connection at once, so a client that is still sending loses the
close code to a TCP reset. A violation detected here is answered with a close frame, and later data is dropped until the
client has read it. Only the check for valid UTF-8 is left to aiohttp.
"""

from __future__ import annotations

RESERVED_BITS = "a frame has reserved bits set"
UNKNOWN_OPCODE = "a frame has an unknown opcode"
NOT_MASKED = "a frame is not masked"
CONTROL_IN_PIECES = "a control frame is fragmented"
CONTROL_TOO_LARGE = "a control frame has more than 125 bytes"
NOTHING_TO_CONTINUE = "a continuation frame has no message to continue"
INSIDE_ANOTHER = "a message begins inside another"
LENGTH_TOO_WIDE = "the length of a frame is not minimally encoded"
LENGTH_TOO_LARGE = "the length of a frame has its first bit set"

_FINAL, _RESERVED, _OPCODE, _CONTROL = 0x80, 0x70, 0x0F, 0x08
_MASKED, _LENGTH = 0x80, 0x7F
_KNOWN_OPCODES = frozenset({0, 1, 2, 8, 9, 10})

_FRAME_BYTES = 6
"""Size of a frame header without an extended length: two bytes and the mask."""


def may_be_sent(code: int) -> bool:
    """Whether a close frame may carry this code. 1004 to 1006 and 1015 are reserved, and others are unassigned."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


class Framing:
    """Tracks the frames of one client, however the data is split."""

    __slots__ = ("_head", "_inside", "_left")

    def __init__(self) -> None:
        self._head = b""
        """The beginning of a frame whose length is still unknown."""
        self._left = 0
        """Bytes of the last frame that have not arrived yet."""
        self._inside = False
        """Whether a fragmented message is still incomplete."""

    def violation(self, data: bytes) -> str | None:
        """Feed data, and return what is wrong with it, or None."""
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
        """What is wrong with a frame that begins with these two bytes, or None."""
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
