"""What is used of aiohttp's private parts: all names here, and no others anywhere.

The subclasses of aiohttp's classes use these names of themselves. Whoever holds an object of aiohttp's asks here.
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
    """Waits until the client has taken enough of what was written."""
    return connection._drain_helper()


def frame_reader(connection: web.RequestHandler) -> object:
    """What is given all that comes after an upgrade."""
    return connection._payload_parser


def connection_settings(server: web.Server) -> Mapping[str, Any]:
    """What a server gives to each of its connections."""
    return server._kwargs
