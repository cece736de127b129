"""What breaks the websocket protocol closes the socket with the code of RFC 6455, and nothing else does."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.flow.framing import INSIDE_ANOTHER, Framing
from tests.gateway.http.clients.raw_client import connected
from tests.gateway.http.clients.raw_socket import (
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    RawSocket,
    frame,
    head,
    init,
    message,
    opened,
    upgrade,
)
from tests.gateway.toy import Served, serving

HELLO = b'{"type":"ping"}'
BINARY = 2


@pytest.fixture(scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving() as served:
        yield served


def bare(payload: bytes = HELLO, opcode: int = TEXT) -> bytes:
    """A frame that is not masked."""
    return bytes((0x80 | opcode, len(payload))) + payload


def reserved(bits: int, payload: bytes = HELLO, opcode: int = TEXT) -> bytes:
    """A frame with these reserved bits."""
    made = frame(payload, opcode)
    return bytes((made[0] | bits << 4,)) + made[1:]


def wide(length_bytes: int, payload: bytes = HELLO, length: int | None = None) -> bytes:
    """A frame whose length is written in so many bytes."""
    marked = {2: 126, 8: 127}[length_bytes] | 0x80
    return bytes((0x81, marked)) + (length or len(payload)).to_bytes(length_bytes, "big") + bytes(4) + payload


def closing(code: int, reason: bytes = b"") -> bytes:
    return frame(struct.pack("!H", code) + reason, CLOSE)


BROKEN: dict[str, tuple[int, bytes]] = {
    "unmasked text": (1002, bare()),
    "unmasked ping": (1002, bare(b"", PING)),
    "unmasked close": (1002, bare(struct.pack("!H", 1000), CLOSE)),
    "unmasked frame behind a good one": (1002, message(type="pong") + bare()),
    "unmasked continuation": (1002, frame(b"{", final=False) + bare(b"}", CONTINUATION)),
    **{f"reserved bit {bit}": (1002, reserved(bit)) for bit in (1, 2, 4)},
    "reserved bit of a ping": (1002, reserved(4, b"", PING)),
    **{f"opcode {code}": (1002, frame(HELLO, code)) for code in (3, 7, 11, 15)},
    "fragmented ping": (1002, frame(b"", PING, final=False)),
    "fragmented close": (1002, frame(b"", CLOSE, final=False)),
    "oversized ping": (1002, frame(b"x" * 126, PING)),
    "oversized pong": (1002, frame(b"x" * 200, PONG)),
    "oversized close": (1002, closing(1000, b"x" * 124)),
    "continuation without a start": (1002, frame(HELLO, CONTINUATION)),
    "continuation behind a whole message": (1002, message(type="pong") + frame(b"", CONTINUATION)),
    "message inside another": (1002, frame(b"{", final=False) + frame(HELLO)),
    "message inside an empty beginning": (1002, frame(b"", final=False) + frame(HELLO)),
    "beginning inside another": (1002, frame(b"", final=False) + frame(HELLO, final=False)),
    "binary inside a text": (1002, frame(b"", final=False) + frame(HELLO, BINARY)),
    "length in two bytes that takes one": (1002, wide(2)),
    "length in eight bytes that takes one": (1002, wide(8)),
    "length in eight bytes that takes two": (1002, wide(8, b" " * 126)),
    "length with its first bit set": (1002, wide(8, length=2**63)),
    "length beyond all limits": (1009, wide(8, b"", length=2**63 - 1)[:10]),
    "text that is not UTF-8": (1007, frame(b"\xff\xfe")),
    "text cut inside a character": (1007, frame("é".encode()[:1])),
    "text that is not UTF-8, in pieces": (1007, frame(b"\xc3", final=False) + frame(b"\x28", CONTINUATION)),
    "text with a surrogate": (1007, frame(b"\xed\xa0\x80")),
    "close of one byte": (1002, frame(b"\x03", CLOSE)),
    "close reason that is not UTF-8": (1007, closing(1000, b"\xff")),
    **{
        f"close code {code}": (1002, closing(code))
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}

by_fault = pytest.mark.parametrize("fault", BROKEN)


async def is_closed_with(socket: RawSocket, code: int) -> None:
    assert (await socket.closed())[0] == code


@by_fault
async def test_what_breaks_the_protocol_closes_the_socket(served: Served, fault: str) -> None:
    code, frames = BROKEN[fault]
    async with opened(served) as socket:
        socket.send(init())
        assert await socket.said() == {"type": "connection_ack"}
        socket.send(frames)
        await is_closed_with(socket, code)


@by_fault
async def test_it_does_so_however_it_is_cut_into_pieces(served: Served, fault: str) -> None:
    code, frames = BROKEN[fault]
    async with opened(served) as socket:
        await socket.raw.pieces(*(frames[n : n + 1] for n in range(len(frames))))
        await is_closed_with(socket, code)


@by_fault
async def test_it_does_so_together_with_the_upgrade(served: Served, fault: str) -> None:
    code, frames = BROKEN[fault]
    async with connected(served) as raw:
        raw.send(upgrade() + frames)
        assert (await raw.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        await is_closed_with(RawSocket(raw), code)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4000, 4403, 4999, None])
async def test_close_frame_of_a_client_is_answered_in_good_order(served: Served, code: int | None) -> None:
    async with opened(served) as socket:
        socket.send(init())
        assert await socket.said() == {"type": "connection_ack"}
        socket.send(frame(b"", CLOSE) if code is None else closing(code, "bye ü".encode()))
        await is_closed_with(socket, 1000)
        assert await socket.raw.closed()


@pytest.mark.parametrize(
    "frames",
    [
        frame(HELLO[:1], final=False) + frame(b"", PONG) + frame(HELLO[1:], CONTINUATION),
        frame(b"", final=False) + frame(b"", CONTINUATION, final=False) + frame(HELLO, CONTINUATION),
        frame(HELLO + b" " * 125),
        frame(HELLO + b" " * 60_000),
        reserved(0),
    ],
)
async def test_unusual_frames_that_are_allowed_are_read(served: Served, frames: bytes) -> None:
    async with opened(served) as socket:
        for data in (frames, *(frames[n : n + 1] for n in range(min(len(frames), 200)))):
            socket.send(data)
        assert await socket.said() == {"type": "pong"}


ANY_FRAME = st.builds(
    frame, st.binary(max_size=300), st.sampled_from([TEXT, CONTINUATION, PING, CLOSE]), final=st.booleans()
)
FRAMES = st.lists(
    ANY_FRAME | st.sampled_from([*(frames for _, frames in BROKEN.values()), frame(b"x" * 70_000)]), max_size=6
).map(b"".join)


@given(FRAMES, st.lists(st.integers(1, 400), max_size=12))
def test_pieces_do_not_change_what_is_found(frames: bytes, sizes: list[int]) -> None:
    whole, framing, rest = Framing().violation(frames), Framing(), frames
    found = None
    for size in [*sizes, len(frames)]:
        found = found or framing.violation(rest[:size])
        rest = rest[size:]
    assert found == whole


def test_beginning_that_waits_for_its_length_is_not_taken_for_two() -> None:
    framing = Framing()
    begun = head(300, final=False)
    assert [framing.violation(begun[n : n + 1]) for n in range(len(begun))] == [None] * len(begun)
    assert framing.violation(b"x" * 300 + frame(b"", CONTINUATION, final=False) + frame(HELLO)) == INSIDE_ANOTHER
