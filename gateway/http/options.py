"""What an operator can choose about the transport."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The transport's limits and times, all with defaults that suit one gateway on the open internet."""

    path: str = "/graphql"
    """Served with a slash behind it as well."""
    trusted_origins: frozenset[str] = frozenset()
    """Other origins whose pages may call: `https://app.example.com`. The gateway's own origin always may."""
    allowed_headers: tuple[str, ...] = ()
    """Request headers that such pages may send, besides `origin.ALLOWED_HEADERS`."""
    trusted_proxies: int = 0
    """How many proxies stand before the gateway and each add the address they were called from."""
    head_timeout_seconds: float = 15
    """How long the head of a request may take to come: from the beginning of a connection, or from its first byte."""
    keepalive_seconds: float = 75
    """How long a connection may rest between two requests: longer than load balancers let one rest, most of them 60."""
    max_connections: int = 10_000
    """Plain ones: sockets and event streams are counted apart. Those that rest make room for new ones."""
    max_connections_per_address: int = 1_000
    """Not counted behind trusted proxies, from whose addresses all connections come."""
    max_body_bytes: int = 2 * 1024 * 1024
    """Of a request's body, before and after decompression, and of a websocket's message."""
    body_timeout_seconds: float = 30
    max_subscriptions_per_socket: int = 20
    max_answers_per_socket: int = 20
    """Queries and mutations that run at the same time on one socket."""
    max_subscriptions_per_user: int = 500
    max_subscriptions: int = 50_000
    max_operations_per_user: int = 100
    """Queries and mutations that run at the same time, over HTTP and sockets together."""
    max_sockets_per_user: int = 100
    max_sockets_per_address: int = 1_000
    """An address of IPv6 stands for its network of 64 bits, which one household has to itself."""
    max_sockets: int = 10_000
    """Event streams count as sockets, for all of these."""
    max_anonymous_sockets_per_address: int = 100
    """Without a token: one that has not come yet, or never will."""
    max_anonymous_sockets: int = 1_000
    max_messages_per_second: int = 200
    """Of one socket, pings included. What comes faster is read later; twice as many may come at once."""
    init_timeout_seconds: float = 10
    heartbeat_seconds: float = 20
    send_timeout_seconds: float = 30
    """How long a message may wait for a client that does not read. An answer to a request may wait twice as long."""
    close_timeout_seconds: float = 5
    expiry_warning_seconds: float = 60
    """How long before its end a client is told that its token is about to end."""
    shutdown_seconds: float = 15
    traces: bool = False
    """Whether the trace that a request belongs to is of interest."""

    @property
    def paths(self) -> tuple[str, str]:
        """The spellings of the path."""
        return self.path, f"{self.path}/"
