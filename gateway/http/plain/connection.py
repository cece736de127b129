"""The short way: a plain request is answered where its bytes arrive, past most of aiohttp.

A `Connection` is aiohttp's own protocol, which parses, queues and serves requests one after the other. It steps in
only while that rests between two requests. What is no plain request, or comes in pieces, or behind another, is left to
aiohttp and answered by the application. A point read costs less than half of what it costs there; `test_connection.py`
holds the two ways to the same answers.

This leans on what `aiohttp_private.py` names, and `test_connection.py` fails if it changes: `start()` takes requests
from `_messages`, one at a time, waits for them on `_waiter`, and finishes each of them with `finish_response`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage

from gateway.execution.complete import failed
from gateway.http.answer import JSON, HttpError, Reply, respond
from gateway.http.flow.intake import Intake
from gateway.http.plain.endpoint import NeedsStream
from gateway.http.plain.head import END_OF_HEAD, PlainHead, request_bytes
from gateway.http.plain.serving import Serving
from gateway.http.plain.unreadable import (
    LATE_HEAD,
    MAX_HEAD_BYTES,
    NOT_HTTP,
    TOO_MANY_HEADERS,
    Unreadable,
    headers_for,
)
from gateway.http.request.client import as_address
from gateway.http.seats.admission import NoRoom

MAX_EARLY_BYTES = 64 * 1024
"""What a client may send while its request is being answered, before it is no longer read from."""

MAX_JOINED_BYTES = 64 * 1024
"""A larger body is not copied to be sent together with its head."""


class Connection(web.RequestHandler):
    """One connection of a client."""

    __slots__ = (
        "_answering",
        "_begun",
        "_early",
        "_has_begun_head",
        "_next_look",
        "_owed",
        "_serving",
        "_unread",
        "_unreadable",
        "address",
        "loop",
        "network",
    )

    def __init__(self, server: web.Server, serving: Serving, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._serving = serving
        self.loop = asyncio.get_running_loop()
        self._answering: asyncio.Task[None] | None = None
        self._early = b""
        self.address: str | None = None
        """Of the peer."""
        self.network: str | None = None
        """Where it is counted as a plain connection, if it is one."""
        # How much the parser waits for to have had whole requests and nothing more: 0 between two requests.
        # None once that is not known, because a head came in pieces or together with another request.
        self._unread: int | None = 0
        # How many requests aiohttp still has to answer. Before it is done with them nothing may overtake them.
        self._owed = 0
        # Whether a request has begun to come, and its head is not whole; and what has come of it.
        self._has_begun_head = False
        self._begun = bytearray()
        self._unreadable: Unreadable | None = None
        self._next_look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else peer
        try:
            self._serving.room.enter(self, as_address(self.address), self._serving.connections)
        except NoRoom as error:
            self._turn_away(cast("asyncio.Transport", transport), error.reply())
            return
        super().connection_made(transport)
        self._limit_head()

    def _turn_away(self, transport: asyncio.Transport, reply: Reply) -> None:
        """Answer without a request, and let aiohttp know nothing of it."""
        transport.write(self._serving.reply_heads.write(reply, (), closes=True) + reply.body)
        transport.close()

    def data_received(self, data: bytes) -> None:
        if type(data) is not bytes:
            data = bytes(data)  # Windows sends a bytearray, which is no key
        if self._answering is not None:
            self._keep_early(data)
            return
        if self._unread == 0 and not (self._owed or self._close or self._force_close):
            end = data.find(END_OF_HEAD) + len(END_OF_HEAD)
            head = self._serving.heads.known(data[:end])
            if head is not None and len(data) - end == head.body_bytes:
                self._begin(head, data[end:])
                return
        if self._unreadable is not None:
            self._refuse_once_whole(data)
            return
        waiter = self._waiter
        if waiter is None or waiter.done():
            self._parse(data)
            if self._request_count == 0:  # aiohttp is only about to wait for the first
                self._wait_for_rest_of_head(data)
            return
        # Without its future aiohttp parses and queues, but wakes nobody.
        self._waiter = None
        self._parse(data)
        self._waiter = waiter
        if self._messages:
            if not self._begin_parsed(data):
                waiter.set_result(None)
        elif data:  # aiohttp feeds nothing to see whether something is left
            self._wait_for_rest_of_head(data)

    def _keep_early(self, data: bytes) -> None:
        """Put aside what comes before the answer is sent: the next request must not be served before that."""
        if self._close or self._force_close:
            return
        if len(self._early) <= MAX_EARLY_BYTES < len(self._early) + len(data):
            self._pause_transport_reading()
        self._early += data

    def _parse(self, data: bytes) -> None:
        """Let aiohttp parse and queue what has come, and keep count of it."""
        queued = len(self._messages)
        super().data_received(data)
        added = len(self._messages) - queued
        self._owed += added
        if added and not isinstance(self._messages[-1][0], RawRequestMessage):
            self._unreadable = Unreadable(self._messages.pop())
            self._unread = None
            self._owed -= 1
            self._refuse_once_whole(self._begun + data)
            return
        if added:
            self._has_begun_head = False
            self._begun.clear()
        if self._unread:
            self._unread -= len(data)
        elif self._unread == 0 and data:
            whole = request_bytes(data, self._messages[-1][0]) if added == 1 else None
            self._unread = None if whole is None else whole - len(data)
        if self._unread is not None and self._unread < 0:
            self._unread = None

    def _refuse_once_whole(self, data: bytes | bytearray) -> None:
        """Have aiohttp come to what it cannot read, once the rest of that head is here, and read nothing more."""
        if self._unreadable is not None and self._unreadable.feed(data):
            self._pause_transport_reading()
            self._queue(self._unreadable.message)

    def _queue(self, message: Any) -> None:
        """Have aiohttp answer this after what it has to answer already."""
        self._messages.append(message)
        self._owed += 1
        if (waiter := self._waiter) is not None and not waiter.done():
            waiter.set_result(None)

    def _begin_parsed(self, data: bytes) -> bool:
        """Answer what was queued, and take it off the queue, if it is one plain request."""
        message, payload = self._messages[0]
        if len(self._messages) > 1 or not payload.is_eof() or not isinstance(message, RawRequestMessage):
            return False
        head = self._serving.heads.read(message)
        if head is None or self._parser is None:
            return False
        self._messages.clear()
        self._owed = 0
        self._parser.message_consumed()
        if self._unread == 0:
            self._serving.heads.keep(data[: len(data) - head.body_bytes], head)
        self._begin(head, payload.read_nowait())
        return True

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Have what follows an upgrade read as frames, from the first byte on."""
        self.leave_room()
        super().set_parser(cast("Any", Intake(parser)), data_received_cb)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            # Counted, since aiohttp has queued here what came behind an upgrade that was declined.
            self._owed = len(self._messages)

    def _begin(self, head: PlainHead, body: bytes) -> None:
        # Not by the loop, which would make up a name for it: a quarter of what a task costs.
        self._answering = asyncio.Task(self._answer(head, body), loop=self.loop, name="answer")

    async def _answer(self, head: PlainHead, body: bytes) -> None:
        closes = True
        try:
            client = head.client(self.address, self._serving.endpoint.options)
            reply = await self._serving.endpoint.handle_plain(head, body, client)
            await self.send(reply, head.cross_origin, closes=self.closes_after(head))
            closes = self.closes_after(head)
        except NeedsStream:
            self._leave_to_aiohttp(head, body)
            closes = False
        except ConnectionError:
            pass  # the client has gone
        finally:
            self._end(closes=closes)

    def _leave_to_aiohttp(self, head: PlainHead, body: bytes) -> None:
        """Queue a request as if it had just been parsed."""
        payload = StreamReader(self, self._serving.endpoint.options.max_body_bytes, loop=self.loop)
        payload.feed_data(body)
        payload.feed_eof()
        self._queue((head.message, payload))

    def closes_after(self, head: PlainHead) -> bool:
        """Whether the connection is closed after the answer to this request, which then says so."""
        return head.closes or self._serving.stopping.begun

    @property
    def rests(self) -> tuple[bool, float] | None:
        """Orders connections to make room: idle longest first, those with a begun request last. None while in use."""
        if self._answering is not None or self._owed or self._upgraded:
            return None
        return self._has_begun_head, self._next_keepalive_close_time

    def leave_room(self) -> None:
        """Be a plain connection no more, which makes room for another."""
        self._serving.room.leave(self)

    def retire(self) -> None:
        """Take no more requests. aiohttp leaves a connection that rests open, and never answers on it again."""
        self.close()
        if self._answering is None and not self._owed and self.transport is not None:
            self.transport.close()

    async def send(self, reply: Reply, cross_origin: tuple[tuple[str, str], ...], *, closes: bool) -> None:
        """Send the reply to a request, and wait for as long as the client does not read what was sent."""
        transport = self.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        text = self._serving.reply_heads.write(reply, cross_origin, closes=closes)
        if len(reply.body) <= MAX_JOINED_BYTES:
            transport.write(text + reply.body)
        else:
            transport.write(text)
            transport.write(reply.body)
        if self.writing_paused:
            await self._drain_helper()

    def _end(self, *, closes: bool) -> None:
        """Rest again, or close, or go on with what came early."""
        self._answering = None
        if self.transport is None:
            return
        if closes or self._close or self._force_close:
            self.close()
            self.transport.close()
            return
        self._next_keepalive_close_time = self.loop.time() + self.keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self.loop.call_at(self._next_keepalive_close_time, self._process_keepalive)
        if self._early:
            early, self._early = self._early, b""
            if len(early) > MAX_EARLY_BYTES:
                self._resume_transport_reading()
            self.data_received(early)

    def _wait_for_rest_of_head(self, data: bytes) -> None:
        if not self._has_begun_head:
            self._has_begun_head = True
            self._limit_head()
        if self._unreadable is None:
            self._begun += data
            if len(self._begun) > MAX_HEAD_BYTES:
                self._refuse_at_once(TOO_MANY_HEADERS)

    def _limit_head(self) -> None:
        """Have the connection's timer go off before long; each answer puts it off again, without touching it."""
        if self._keepalive_handle is not None:
            self._keepalive_handle.cancel()
        late = self.loop.time() + self._serving.endpoint.options.head_timeout_seconds
        self._next_keepalive_close_time = min(self._next_keepalive_close_time, late)
        self._keepalive_handle = self.loop.call_at(self._next_keepalive_close_time, self._process_keepalive)

    def _process_keepalive(self) -> None:
        now = self.loop.time()
        if self._answering is not None:
            self._next_keepalive_close_time = now + self.keepalive_timeout
        elif self._has_begun_head and self._next_keepalive_close_time <= now and not self._close:
            self._refuse_at_once(LATE_HEAD)
        super()._process_keepalive()

    def _refuse_at_once(self, error: HttpError) -> None:
        """Answer a head that is not whole, and close. Nothing else is to be answered."""
        if self.transport is not None:
            reply = self._serving.endpoint.refuse(error, JSON)
            text = self._begun if self._unreadable is None else self._unreadable.text
            cross_origin = headers_for(text, self._serving.endpoint.options)
            self.transport.write(self._serving.reply_heads.write(reply, cross_origin, closes=True) + reply.body)
        self.force_close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_again(None)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look_no_more()

    def _look_again(self, left: int | None) -> None:
        self._next_look = self.loop.call_later(self._serving.endpoint.options.send_timeout_seconds, self._look, left)

    def _look(self, left_before: int | None) -> None:
        """Let go of a client that takes nothing from one look to the next. Sockets and streams have said so by then."""
        if self.transport is None:
            return
        left = self.transport.get_write_buffer_size()
        if left == left_before:
            self.transport.abort()
        else:
            self._look_again(left)

    def _look_no_more(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be read, or a fault. aiohttp would quote all of it, in its answer and in the log."""
        if request.writer.output_size:
            raise ConnectionError("The answer has begun already.")
        endpoint, text = self._serving.endpoint, b""
        if status == 400:
            # aiohttp itself reads what follows an upgrade that was declined, and says nothing of it before.
            unreadable = self._unreadable
            error, text = (NOT_HTTP, b"") if unreadable is None else (unreadable.refusal(), bytes(unreadable.text))
            reply = endpoint.refuse(error, JSON)
        else:
            reply = respond(failed(exc if isinstance(exc, Exception) else RuntimeError(message)), JSON)
        cross_origin = headers_for(text, endpoint.options)
        return cast("web.StreamResponse", PlainResponse(self, reply, cross_origin, keep_alive=False))

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self.leave_room()
        self._look_no_more()
        if (task := self._answering) is not None:
            self._serving.left.add(task)
            task.add_done_callback(self._serving.left.discard)
            task.cancel()

    async def shutdown(self, timeout: float | None = 15.0) -> None:  # noqa: ASYNC109 - aiohttp's
        if (task := self._answering) is not None:
            self.close()
            await asyncio.wait([task], timeout=timeout)
            task.cancel()
            await asyncio.wait([task], timeout=timeout)
        await super().shutdown(timeout)


class PlainResponse:
    """As much of a `StreamResponse` as aiohttp asks of one, for a reply that we send ourselves."""

    __slots__ = ("_connection", "_cross_origin", "_reply", "keep_alive")

    def __init__(
        self, connection: Connection, reply: Reply, cross_origin: tuple[tuple[str, str], ...], *, keep_alive: bool
    ) -> None:
        self._connection = connection
        self._reply = reply
        self._cross_origin = cross_origin
        self.keep_alive = keep_alive

    async def prepare(self, _request: web.BaseRequest) -> None:
        await self._connection.send(self._reply, self._cross_origin, closes=not self.keep_alive)

    async def write_eof(self) -> None:
        """Nothing follows."""
