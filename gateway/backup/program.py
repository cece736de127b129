"""Runs pg_dump and psql in a thread: those of the embedded PostgreSQL, or newer ones on PATH."""

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
"""Reads a program's output or writes its input, in a thread."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program and the server that it connects to."""

    name: str
    path: str
    address: str
    environment: dict[str, str]

    @classmethod
    def find(cls, name: str, url: str, major: int, *, embedded: bool) -> Program:
        """Find the program for a server of this major version. Raises `BackupError` if there is none as new."""
        address, password = without_password(url)
        environment = without_defaults(os.environ) if embedded else dict(os.environ)
        environment |= {"LC_ALL": "C", "PGTARGETSESSIONATTRS": "read-write", "PGAPPNAME": f"parley {name}"}
        if password is not None:
            environment["PGPASSWORD"] = password
        return cls(name, _path_of(name, major), address, environment)

    async def read(self, *arguments: str, pump: Pump) -> None:
        """Run it, and pass its output to `pump`."""
        await self._run(arguments, pump, writes=True)

    async def write(self, *arguments: str, pump: Pump) -> None:
        """Run it with the input that `pump` writes."""
        await self._run(arguments, pump, writes=False)

    async def _run(self, arguments: tuple[str, ...], pump: Pump, *, writes: bool) -> None:
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(  # noqa: S603, ASYNC220 - a known program, used from a thread
                [self.path, *arguments, "--dbname", self.address],
                stdin=subprocess.DEVNULL if writes else subprocess.PIPE,
                stdout=subprocess.PIPE if writes else subprocess.DEVNULL,
                stderr=complaints,
                env=self.environment,
                start_new_session=True,
            )
            pipe = process.stdout if writes else process.stdin
            assert pipe is not None  # noqa: S101 - requested above
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
    """Split a URL into one without its password, safe to show in a process list, and the password."""
    scheme, mark, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    account, at, hosts = authority.rpartition("@")
    user, colon, password = account.partition(":")
    path, question, query = rest.removeprefix(authority).partition("?")
    pairs = dict(parse_qsl(query))
    password_in_url = pairs.pop("password", unquote(password) if colon else None)
    return f"{scheme}{mark}{user}{at}{hosts}{path}{question}{urlencode(pairs, quote_via=quote)}", password_in_url


async def _in_a_thread(process: subprocess.Popen[bytes], work: Callable[[], None]) -> None:
    """Run `work` in a thread, and wait for its end even if cancelled, because it uses what the caller then closes."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        process.kill()
        with suppress(Exception):
            await working
        raise


def _pumped(pump: Pump, pipe: IO[bytes]) -> None:
    # A program that ends early reports the reason itself.
    with suppress(BrokenPipeError), pipe:
        pump(pipe)


def _path_of(name: str, major: int) -> str:
    if major <= MAJOR:
        return str(installation() / "bin" / name)
    path = shutil.which(name)
    if path is None or _version(path) < major:
        raise BackupError(
            f"The server is PostgreSQL {major}, but Parley includes the programs of PostgreSQL {MAJOR}. Install "
            f"pg_dump and psql of PostgreSQL {major} or newer, and put them on PATH."
        )
    return path


def _version(path: str) -> int:
    output = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    match = re.search(r"\) (\d+)", output)
    return int(match[1]) if match else 0
