"""The transport's options."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Limits and timeouts of the transport. The defaults suit one gateway on the open internet."""

    path: str = "/graphql"
    """Also served with a trailing slash."""
    trusted_origins: frozenset[str] = frozenset()
    """Other origins whose pages may call, such as `https://app.example.com`. The gateway's own origin always may."""
    allowed_headers: tuple[str, ...] = ()
    """Request headers that their pages may send in addition to `origin.ALLOWED_HEADERS`."""
    trusted_proxies: int = 0
    """Number of proxies in front of the gateway. Each appends the address of its caller."""
    head_timeout_seconds: float = 15
    """Timeout for the head of a request, from the start of the connection or the head's first byte."""
    keepalive_seconds: float = 75
    """Idle timeout between two requests. Longer than that of load balancers, most of which use 60."""
    max_connections: int = 10_000
    """Without sockets and event streams, which have limits of their own. Idle ones make room for new ones."""
    max_connections_per_address: int = 1_000
    """Not enforced behind trusted proxies, because all connections come from their addresses."""
    max_body_bytes: int = 2 * 1024 * 1024
    """Limit on a request body, before and after decompression, and on a websocket message."""
    body_timeout_seconds: float = 30
    max_subscriptions_per_socket: int = 20
    max_answers_per_socket: int = 20
    """Concurrent queries and mutations on one socket."""
    max_subscriptions_per_user: int = 500
    max_subscriptions: int = 50_000
    max_operations_per_user: int = 100
    """Concurrent queries and mutations of one user, over HTTP and sockets together."""
    max_sockets_per_user: int = 100
    max_sockets_per_address: int = 1_000
    """An IPv6 address counts as its /64 network, which one household has to itself."""
    max_sockets: int = 10_000
    """All socket limits include event streams."""
    max_anonymous_sockets_per_address: int = 100
    """Sockets that have not sent a token (yet)."""
    max_anonymous_sockets: int = 1_000
    max_messages_per_second: int = 200
    """Per socket, including pings. Messages above the rate are read later; the burst is twice as many."""
    init_timeout_seconds: float = 10
    heartbeat_seconds: float = 20
    send_timeout_seconds: float = 30
    """How long to wait for a client that does not read a message. For a response to a request, twice as long."""
    close_timeout_seconds: float = 5
    expiry_warning_seconds: float = 60
    """How long before its token expires a client is warned."""
    shutdown_seconds: float = 15
    traces: bool = False
    """Whether to read the trace context of requests."""

    @property
    def paths(self) -> tuple[str, str]:
        """The path without and with a trailing slash."""
        return self.path, f"{self.path}/"
