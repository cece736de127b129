"""Where a request comes from, as far as that can be believed."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from multidict import CIMultiDictProxy

from gateway.http.options import Options
from gateway.http.ports import Client

TRACE_HEADERS = ("traceparent", "tracestate")


def client_of(headers: CIMultiDictProxy[str], peer: str | None, options: Options) -> Client:
    """The client behind a peer. Of the addresses passed on, only those from our own proxies count."""
    agent = headers.get("User-Agent")
    believed = _passed_on(headers, options.trusted_proxies) if options.trusted_proxies else None
    address = _as_address(peer if believed is None else believed)
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
def _as_address(text: str | None) -> str | None:
    """The address without a zone; None for what is none, as some proxies write `unknown`, or a port behind it."""
    try:
        return str(ip_address((text or "").partition("%")[0]))
    except ValueError:
        return None


def _as_text(header: str) -> str:
    """A header without the lone surrogates that stand for bytes which are no UTF-8, and which nothing can store."""
    return header.encode(errors="surrogateescape").decode(errors="replace")
