"""Ports of the loopback address for servers that tests start, kill and start again."""

from __future__ import annotations

import itertools
import os
import socket

# Below the ports that connections are given: a client that calls a dead server's port must not get itself on the line.
_ports = itertools.cycle(range(21_000 + os.getpid() % 5_000, 31_000))


def free_port() -> int:
    """A port that nothing listens on, and that this process has not been given lately."""
    for port in _ports:
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError
