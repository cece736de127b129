"""Checks that a port is free, before a database or keys are created in vain."""

from __future__ import annotations

import asyncio
import errno
import http.client
import socket

import orjson

from gateway.http.shared_port import bound, cannot_listen, reachable
from gateway.refusal import Refusal

SERVICE = "parley"
"""The service name in `/healthz`, by which one Parley recognises another."""

LONGEST_ANSWER = 1024

PATIENCE_SECONDS = 5
"""Timeout for the process on our port to identify itself."""


async def require_free(host: str, port: int, *, setting: str = "PARLEY_PORT") -> None:
    """Raise a `Refusal` if the port is in use. The message says so if the other process is Parley."""
    problem = await asyncio.to_thread(_problem_with, host, port)
    if problem is None:
        return
    if problem.errno == errno.EADDRINUSE and await asyncio.to_thread(_parley_answers, host, port):
        raise Refusal(f"Parley already runs on {host} port {port}. Stop it first, or set {setting} to another port.")
    raise cannot_listen(host, port, problem, setting) from problem


def _problem_with(host: str, port: int) -> OSError | None:
    """Why the port cannot be listened on. An address that this machine lacks counts only if it lacks all of them."""
    problems: list[OSError] = []
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        return error
    for family, *_, (name, number, *rest) in addresses:
        try:
            bound(family, (name, number, *rest)).close()
        except OSError as error:
            problems.append(error)
    taken = [each for each in problems if each.errno in (errno.EADDRINUSE, errno.EACCES)]
    return next(iter(taken or (problems if len(problems) == len(addresses) else [])), None)


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
