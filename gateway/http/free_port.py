"""Finds out whether a port is free, before a database or a key is made for nothing."""

from __future__ import annotations

import asyncio
import errno
import http.client
import socket

import orjson

from gateway.http.shared_port import bound, cannot_listen, reachable
from gateway.refusal import Refusal

SERVICE = "parley"
"""What `/healthz` calls itself, by which one Parley knows another."""

LONGEST_ANSWER = 1024

PATIENCE_SECONDS = 5
"""How long whoever listens on our port may take to say who it is."""


async def require_free(host: str, port: int, *, setting: str = "PARLEY_PORT") -> None:
    """Raise a `Refusal` where something listens on this port already, which says so if that is Parley."""
    problem = await asyncio.to_thread(_problem_with, host, port)
    if problem is None:
        return
    if problem.errno == errno.EADDRINUSE and await asyncio.to_thread(_parley_answers, host, port):
        raise Refusal(f"Parley already runs on {host} port {port}. Stop it first, or set {setting} to another port.")
    raise cannot_listen(host, port, problem, setting) from problem


def _problem_with(host: str, port: int) -> OSError | None:
    """Why nobody can listen there. That a machine lacks one of the addresses of a name is no reason."""
    problems: list[OSError] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        return error
    for family, *_, (name, number, *rest) in found:
        try:
            bound(family, (name, number, *rest)).close()
        except OSError as error:
            problems.append(error)
    taken = [each for each in problems if each.errno in (errno.EADDRINUSE, errno.EACCES)]
    return next(iter(taken or (problems if len(problems) == len(found) else [])), None)


def _parley_answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(reachable(host), port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/healthz")
        answer = orjson.loads(connection.getresponse().read(LONGEST_ANSWER))
        return isinstance(answer, dict) and answer.get("service") == SERVICE
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()
