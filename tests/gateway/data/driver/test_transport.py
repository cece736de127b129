"""What is held back goes with what is written next, in one piece, and once."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ssl
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.data.driver.connecting import connected
from gateway.data.driver.primary import Primary
from gateway.data.driver.stamp import Stamp
from gateway.data.driver.transport import JoiningTransport
from tests.kit.database import Database


class Pieces(asyncio.Transport):
    """Keeps what it is given, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))


def test_what_is_held_goes_in_front_of_what_comes_next() -> None:
    under = Pieces()
    transport = JoiningTransport(under)
    transport.write(b"a")
    transport.hold(b"b")
    assert under.pieces == [b"a"]
    transport.write(memoryview(b"c"))
    transport.write(b"d")
    assert under.pieces == [b"a", b"bc", b"d"]


def test_what_is_let_go_is_never_sent() -> None:
    under = Pieces()
    transport = JoiningTransport(under)
    transport.hold(b"a")
    transport.discard()
    transport.write(b"b")
    assert under.pieces == [b"b"]


@pytest.mark.parametrize("mode", ["local", "prefer", "require"])
async def test_connections_of_the_pool_have_such_transports(database: Database, tmp_path: Path, mode: str) -> None:
    async with contextlib.AsyncExitStack() as stack:
        url = database.runtime_url
        if mode != "local":
            url = await stack.enter_async_context(over_tcp(url, certificate(tmp_path) if mode == "require" else None))
            url += f"?sslmode={mode}"
        made = await connected(Primary(url), 10)
        assert isinstance(made._transport, JoiningTransport)
        assert (made._transport.get_extra_info("sslcontext") is not None) == (mode == "require")
        assert made._loop is asyncio.get_running_loop()
        stamps = [Stamp(uuid.uuid4(), None, "user") for _ in range(3)]
        for stamp in stamps * 2:
            (row,) = await made.fetch("SELECT current_setting('app.user_id')", stamp=stamp)
            assert row[0] == str(stamp.user_id)
        await made.close()


@contextlib.asynccontextmanager
async def over_tcp(url: str, context: ssl.SSLContext | None) -> AsyncIterator[str]:
    """A way to the database over TCP, with TLS or without."""
    parts = urlsplit(url)
    (host,), (port,) = (parse_qs(parts.query)[name] for name in ("host", "port"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)  # the question for TLS
        writer.write(b"N" if context is None else b"S")
        if context is not None:
            await writer.start_tls(context)
        if host.startswith("/"):
            there, on = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            there, on = await asyncio.open_connection(host, int(port))
        await asyncio.gather(pass_on(reader, on), pass_on(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"postgresql://{parts.username}@127.0.0.1:{server.sockets[0].getsockname()[1]}{parts.path}"


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.close()


def certificate(directory: Path) -> ssl.SSLContext:
    """What a server needs for TLS, made for a test."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    begun = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = begun.not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    made = dated.serial_number(x509.random_serial_number()).sign(key, hashes.SHA256())
    file = directory / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
