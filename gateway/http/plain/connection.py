"""The fast path: answers a plain request where its bytes arrive, bypassing most of aiohttp.

A `Connection` is aiohttp's own protocol, which parses, queues and serves requests one after the other. It takes over
only while aiohttp is idle between two requests. A request that is not plain, arrives in pieces or is pipelined is left
to aiohttp and answered by the application. A point read costs less than half as much as it does there.
`test_connection.py` checks that both paths give the same answers.

This relies on the names in `aiohttp_private.py` and on how aiohttp uses them: `start()` takes requests from
`_messages`, one at a time, waits for them on `_waiter`, and finishes each with `finish_response`. `test_connection.py`
fails if that changes.
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
"""Bytes that a client may send while its request is being answered. Then reading is paused."""

MAX_JOINED_BYTES = 64 * 1024
"""Larger bodies are written separately from the head, to avoid a copy."""


class Connection(web.RequestHandler):
    """One client connection."""

    __slots__ = (
        "_answering",
        "_early",
        "_has_partial_head",
        "_next_check",
        "_owed",
        "_partial_head",
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
        """The peer's address."""
        self.network: str | None = None
        """The network that it is counted for, while it is a plain connection."""
        # Bytes that the parser still expects of the current request; 0 between two requests. None if unknown, because a
        # head arrived in pieces or together with another request.
        self._unread: int | None = 0
        # Number of requests that aiohttp has yet to answer. Later requests must not overtake them.
        self._owed = 0
        # Whether the head of a request has arrived in part, and that part.
        self._has_partial_head = False
        self._partial_head = bytearray()
        self._unreadable: Unreadable | None = None
        self._next_check: asyncio.TimerHandle | None = None

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
        """Send a reply without reading a request, bypassing aiohttp."""
        transport.write(self._serving.reply_heads.write(reply, (), closes=True) + reply.body)
        transport.close()

    def data_received(self, data: bytes) -> None:
        if type(data) is not bytes:
            data = bytes(data)  # on Windows it is a bytearray, which cannot be a key
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
            if self._request_count == 0:  # aiohttp has not started to wait for the first request
                self._wait_for_rest_of_head(data)
            return
        # Without the future, aiohttp parses and queues the data but does not wake its task.
        self._waiter = None
        self._parse(data)
        self._waiter = waiter
        if self._messages:
            if not self._begin_parsed(data):
                waiter.set_result(None)
        elif data:  # aiohttp passes no data to flush its parser
            self._wait_for_rest_of_head(data)

    def _keep_early(self, data: bytes) -> None:
        """Buffer data that arrives before the answer is sent. The next request must not be served before that."""
        if self._close or self._force_close:
            return
        if len(self._early) <= MAX_EARLY_BYTES < len(self._early) + len(data):
            self._pause_transport_reading()
        self._early += data

    def _parse(self, data: bytes) -> None:
        """Have aiohttp parse and queue the data, and update the counts."""
        queued = len(self._messages)
        super().data_received(data)
        added = len(self._messages) - queued
        self._owed += added
        if added and not isinstance(self._messages[-1][0], RawRequestMessage):
            self._unreadable = Unreadable(self._messages.pop())
            self._unread = None
            self._owed -= 1
            self._refuse_once_whole(self._partial_head + data)
            return
        if added:
            self._has_partial_head = False
            self._partial_head.clear()
        if self._unread:
            self._unread -= len(data)
        elif self._unread == 0 and data:
            whole = request_bytes(data, self._messages[-1][0]) if added == 1 else None
            self._unread = None if whole is None else whole - len(data)
        if self._unread is not None and self._unread < 0:
            self._unread = None

    def _refuse_once_whole(self, data: bytes | bytearray) -> None:
        """Queue the unreadable request once the rest of its head has arrived, and stop reading."""
        if self._unreadable is not None and self._unreadable.feed(data):
            self._pause_transport_reading()
            self._queue(self._unreadable.message)

    def _queue(self, message: Any) -> None:
        """Have aiohttp answer this after the requests in its queue."""
        self._messages.append(message)
        self._owed += 1
        if (waiter := self._waiter) is not None and not waiter.done():
            waiter.set_result(None)

    def _begin_parsed(self, data: bytes) -> bool:
        """If exactly one plain request is queued, dequeue and answer it."""
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
        """Pass everything after an upgrade through `Intake`, from the first byte on."""
        self.leave_room()
        super().set_parser(cast("Any", Intake(parser)), data_received_cb)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            # Counted anew, because aiohttp queues data that follows a declined upgrade here.
            self._owed = len(self._messages)

    def _begin(self, head: PlainHead, body: bytes) -> None:
        # `loop.create_task` would generate a name, which is a quarter of the cost of a task.
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
        """Queue a request for aiohttp as if it had just been parsed."""
        payload = StreamReader(self, self._serving.endpoint.options.max_body_bytes, loop=self.loop)
        payload.feed_data(body)
        payload.feed_eof()
        self._queue((head.message, payload))

    def closes_after(self, head: PlainHead) -> bool:
        """Whether to close the connection after the answer to this request, and to say so in it."""
        return head.closes or self._serving.stopping.begun

    @property
    def idle_rank(self) -> tuple[bool, float] | None:
        """Sort key for making room: longest idle first, those with a partial request last. None while in use."""
        if self._answering is not None or self._owed or self._upgraded:
            return None
        return self._has_partial_head, self._next_keepalive_close_time

    def leave_room(self) -> None:
        """Stop counting as a plain connection, which makes room for another."""
        self._serving.room.leave(self)

    def retire(self) -> None:
        """Accept no more requests. aiohttp would leave an idle connection open but never answer on it again."""
        self.close()
        if self._answering is None and not self._owed and self.transport is not None:
            self.transport.close()

    async def send(self, reply: Reply, cross_origin: tuple[tuple[str, str], ...], *, closes: bool) -> None:
        """Send the reply to a request, and wait until the client has read enough of it."""
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
        """Become idle, close, or process the data that arrived early."""
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
        if not self._has_partial_head:
            self._has_partial_head = True
            self._limit_head()
        if self._unreadable is None:
            self._partial_head += data
            if len(self._partial_head) > MAX_HEAD_BYTES:
                self._refuse_at_once(TOO_MANY_HEADERS)

    def _limit_head(self) -> None:
        """Start the timer for the head. Each answer postpones it without rescheduling the handle."""
        if self._keepalive_handle is not None:
            self._keepalive_handle.cancel()
        late = self.loop.time() + self._serving.endpoint.options.head_timeout_seconds
        self._next_keepalive_close_time = min(self._next_keepalive_close_time, late)
        self._keepalive_handle = self.loop.call_at(self._next_keepalive_close_time, self._process_keepalive)

    def _process_keepalive(self) -> None:
        now = self.loop.time()
        if self._answering is not None:
            self._next_keepalive_close_time = now + self.keepalive_timeout
        elif self._has_partial_head and self._next_keepalive_close_time <= now and not self._close:
            self._refuse_at_once(LATE_HEAD)
        super()._process_keepalive()

    def _refuse_at_once(self, error: HttpError) -> None:
        """Answer an incomplete head, and close. No other request may be pending."""
        if self.transport is not None:
            reply = self._serving.endpoint.refuse(error, JSON)
            text = self._partial_head if self._unreadable is None else self._unreadable.text
            cross_origin = headers_for(text, self._serving.endpoint.options)
            self.transport.write(self._serving.reply_heads.write(reply, cross_origin, closes=True) + reply.body)
        self.force_close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._schedule_check(None)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._cancel_check()

    def _schedule_check(self, left: int | None) -> None:
        self._next_check = self.loop.call_later(self._serving.endpoint.options.send_timeout_seconds, self._check, left)

    def _check(self, left_before: int | None) -> None:
        """Abort if the client has read nothing since the last check. Sockets and streams act earlier."""
        if self.transport is None:
            return
        left = self.transport.get_write_buffer_size()
        if left == left_before:
            self.transport.abort()
        else:
            self._schedule_check(left)

    def _cancel_check(self) -> None:
        if self._next_check is not None:
            self._next_check.cancel()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer an unreadable request or a failure. aiohttp would quote the request in its answer and in the log."""
        if request.writer.output_size:
            raise ConnectionError("The response has already been started.")
        endpoint, text = self._serving.endpoint, b""
        if status == 400:
            # There is no `_unreadable` if aiohttp itself parsed the data after a declined upgrade.
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
        self._cancel_check()
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
    """The part of the `StreamResponse` interface that aiohttp uses, for a reply that we write ourselves."""

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
        """Do nothing: `prepare` has sent everything."""
