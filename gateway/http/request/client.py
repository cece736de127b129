"""Where a request comes from, as far as that can be believed."""

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
    """The client behind a peer. Of the addresses passed on, only those from our own proxies count."""
    agent = headers.get("User-Agent")
    believed = _passed_on(headers, options.trusted_proxies) if options.trusted_proxies else None
    address = as_address(peer if believed is None else believed)
    # A socket lives longer than the trace that it was opened in.
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
    """The address without a zone or a port, which some proxies add; None for what is none, as others write `unknown`.

    One of IPv4 that is written as one of IPv6 is of IPv4: all of these would seem to come from one network.
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
    """A header without the lone surrogates that stand for bytes which are no UTF-8, and which nothing can store."""
    return header.encode(errors="surrogateescape").decode(errors="replace")
