"""The private names of aiohttp that Parley uses. No others may be used anywhere.

Subclasses of aiohttp's classes use these names on themselves. Other code calls the functions below.
`test_private_names.py` fails by name when one disappears.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from aiohttp import web

PRIVATE = (
    "aiohttp.web.AppRunner._make_server",
    "aiohttp.web.RequestHandler._close",
    "aiohttp.web.RequestHandler._drain_helper",
    "aiohttp.web.RequestHandler._force_close",
    "aiohttp.web.RequestHandler._keepalive_handle",
    "aiohttp.web.RequestHandler._messages",
    "aiohttp.web.RequestHandler._next_keepalive_close_time",
    "aiohttp.web.RequestHandler._parser",
    "aiohttp.web.RequestHandler._pause_transport_reading",
    "aiohttp.web.RequestHandler._payload_parser",
    "aiohttp.web.RequestHandler._process_keepalive",
    "aiohttp.web.RequestHandler._request_count",
    "aiohttp.web.RequestHandler._resume_transport_reading",
    "aiohttp.web.RequestHandler._upgraded",
    "aiohttp.web.RequestHandler._waiter",
    "aiohttp.web.Server._kwargs",
)


def drained(connection: web.RequestHandler) -> Coroutine[Any, Any, None]:
    """Wait until the client has read enough of what was written."""
    return connection._drain_helper()


def frame_reader(connection: web.RequestHandler) -> object:
    """The parser that receives all data after an upgrade."""
    return connection._payload_parser


def connection_settings(server: web.Server) -> Mapping[str, Any]:
    """The arguments that a server passes to each of its connections."""
    return server._kwargs
