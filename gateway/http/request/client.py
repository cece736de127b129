"""The client of a request: its address, as far as it can be trusted, and its user agent."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from multidict import CIMultiDictProxy

from gateway.auth.client import Client
from gateway.http.options import Options

WITH_PORT = re.compile(r"\[([\da-fA-F:.]+)\](?::\d+)?|([\d.]+):\d+", re.ASCII)

TRACE_HEADERS = ("traceparent", "tracestate")


def client_of(headers: CIMultiDictProxy[str], peer: str | None, options: Options) -> Client:
    """The client behind a peer. Only addresses appended by trusted proxies count."""
    agent = headers.get("User-Agent")
    believed = _passed_on(headers, options.trusted_proxies) if options.trusted_proxies else None
    address = as_address(peer if believed is None else believed)
    # A socket outlives the trace in which it was opened.
    traced = options.traces and "Upgrade" not in headers
    return Client(address, None if agent is None else _as_text(agent), _trace(headers) if traced else ())


def _trace(headers: CIMultiDictProxy[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, headers[name]) for name in TRACE_HEADERS if name in headers)


def _passed_on(headers: CIMultiDictProxy[str], trusted_proxies: int) -> str | None:
    addresses = [each.strip() for value in headers.getall("X-Forwarded-For", []) for each in value.split(",")]
    believed = addresses[-trusted_proxies:]
    return believed[0] if believed else None


@lru_cache(maxsize=1024)
def as_address(text: str | None) -> str | None:
    """The address without a zone or a port, which some proxies add. None if it is not an address, such as `unknown`.

    An IPv4-mapped IPv6 address is returned as IPv4; otherwise all of them would seem to come from one network.
    """
    bare = (text or "").partition("%")[0]
    if with_port := WITH_PORT.fullmatch(bare):
        bare = with_port[1] or with_port[2]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else str(address)


def _as_text(header: str) -> str:
    """A header value without the lone surrogates by which aiohttp represents non-UTF-8 bytes; none can be stored."""
    return header.encode(errors="surrogateescape").decode(errors="replace")
