"""Loopback ports for servers that tests start, kill and start again."""

from __future__ import annotations

import itertools
import os
import socket

# Below the ephemeral ports, or a client that calls the port of a dead server could connect to itself. Test processes
# that run in parallel use different ports.
_FIRST = 11_000 + 2_000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 20_000
_ports = itertools.cycle(range(_FIRST + os.getpid() % 500, _FIRST + 2_000))


def free_port() -> int:
    """A port that nothing listens on and that this process has not used recently."""
    for port in _ports:
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError
