"""PostgreSQL's own client programs, run beside the event loop: those of the package, or newer ones of the machine."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO
from urllib.parse import parse_qsl, quote, unquote, urlencode

from gateway.backup.archive import BackupError
from gateway.data.server.programs import MAJOR, installation, without_defaults

Pump = Callable[[IO[bytes]], None]
"""Reads what a program writes, or writes what it reads. It runs in a thread."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, and the server that it is to talk to."""

    name: str
    path: str
    address: str
    environment: dict[str, str]

    @classmethod
    def found(cls, name: str, url: str, major: int, *, embedded: bool) -> Program:
        """The program for a server of this major version. Raises `BackupError` where none is as new."""
        address, password = without_password(url)
        environment = without_defaults(os.environ) if embedded else dict(os.environ)
        environment |= {"LC_ALL": "C", "PGTARGETSESSIONATTRS": "read-write", "PGAPPNAME": f"parley {name}"}
        if password is not None:
            environment["PGPASSWORD"] = password
        return cls(name, _path_of(name, major), address, environment)

    async def read(self, *arguments: str, pump: Pump) -> None:
        """Run it, with what it writes given to `pump`."""
        await self._run(arguments, pump, writes=True)

    async def write(self, *arguments: str, pump: Pump) -> None:
        """Run it on what `pump` writes."""
        await self._run(arguments, pump, writes=False)

    async def _run(self, arguments: tuple[str, ...], pump: Pump, *, writes: bool) -> None:
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own programs, which a thread talks to
                [self.path, *arguments, "--dbname", self.address],
                stdin=subprocess.DEVNULL if writes else subprocess.PIPE,
                stdout=subprocess.PIPE if writes else subprocess.DEVNULL,
                stderr=complaints,
                env=self.environment,
                start_new_session=True,
            )
            pipe = process.stdout if writes else process.stdin
            assert pipe is not None  # noqa: S101 - as we asked for
            try:
                await _in_a_thread(process, lambda: _pumped(pump, pipe))
            except BaseException:
                process.kill()
                raise
            finally:
                status = process.wait()
            if status:
                complaints.seek(0)
                text = complaints.read().decode(errors="replace").strip()
                raise BackupError(f"PostgreSQL's {self.name} failed: {text or f'exit status {status}'}")


def without_password(url: str) -> tuple[str, str | None]:
    """A URL as it may stand in a list of processes, and the password that was in it."""
    scheme, mark, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    account, at, hosts = authority.rpartition("@")
    user, colon, password = account.partition(":")
    path, question, query = rest.removeprefix(authority).partition("?")
    pairs = dict(parse_qsl(query))
    given = pairs.pop("password", unquote(password) if colon else None)
    return f"{scheme}{mark}{user}{at}{hosts}{path}{question}{urlencode(pairs, quote_via=quote)}", given


async def _in_a_thread(process: subprocess.Popen[bytes], work: Callable[[], None]) -> None:
    """Wait for the thread even if nobody waits for its work any longer: it uses what the caller then closes."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        process.kill()
        with suppress(Exception):
            await working
        raise


def _pumped(pump: Pump, pipe: IO[bytes]) -> None:
    # A program that ends early says why by itself.
    with suppress(BrokenPipeError), pipe:
        pump(pipe)


def _path_of(name: str, major: int) -> str:
    if major <= MAJOR:
        return str(installation() / "bin" / name)
    path = shutil.which(name)
    if path is None or _version(path) < major:
        raise BackupError(
            f"The server is PostgreSQL {major}, and Parley brings the programs of PostgreSQL {MAJOR}. Install "
            f"pg_dump and psql of PostgreSQL {major} or newer, and put them on PATH."
        )
    return path


def _version(path: str) -> int:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else 0
