"""NATS: a process is sent only what it watches, and no server, whatever it does, breaks a process."""

from __future__ import annotations

import asyncio
import logging
import signal
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from gateway.broker import nats, remote
from gateway.broker.nats import PREFIX, nats_broker
from gateway.broker.protocol import MOST_SIGNAL_BYTES
from tests.gateway.broker.ears import Ears, listening
from tests.kit.network.nats_server import NatsServer, nats_server
from tests.kit.network.ports import free_port

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever lost the server tries again at once."""
    monkeypatch.setattr(remote, "RECONNECT_SECONDS", 0.01)


async def test_a_process_is_sent_only_what_concerns_the_users_that_it_watches() -> None:
    monitor = free_port()
    users = [uuid.uuid4() for _ in range(100)]
    async with nats_server("--http_port", str(monitor)) as server:
        here, there = nats_broker(server.url), nats_broker(server.url)
        async with listening(there, *users[:3], users[99]) as abroad:
            there.unwatch(users[2])
            there.watch(uuid.UUID(int=0))
            await abroad.until_hint(uuid.UUID(int=0))  # so the server knows of both by now
            async with listening(here):
                for user in users:
                    here.publish(user)
            await abroad.until(lambda: len(abroad.hints) == 4)
            assert await sent_messages(monitor) == 3
    assert set(abroad.hints) == {uuid.UUID(int=0), users[0], users[1], users[99]}
    assert here.hints_sent == len(users)


async def sent_messages(port: int) -> int:
    """How many messages the server sent to its clients: those that write are sent none, and it may still list them."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{port}/connz") as response,
    ):
        return sum(connection["out_msgs"] for connection in (await response.json())["connections"])


async def test_of_several_servers_any_that_lives_will_do(server: NatsServer) -> None:
    user = uuid.uuid4()
    urls = f"nats://127.0.0.1:{free_port()},{server.url}"
    here, there = nats_broker(urls), nats_broker(urls)
    async with listening(here), listening(there, user) as abroad:
        here.publish(user)
        await abroad.until_hint(user)


async def test_a_server_that_is_frozen_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats, "TIMEOUT_SECONDS", 0.2)
    user = uuid.uuid4()
    async with nats_server() as server, asyncio.timeout(20):
        here = nats_broker(server.url)
        async with listening(here, user):
            server.signal(signal.SIGSTOP)
            while here.dropped < 1000:  # by now, nobody takes any more
                for _ in range(50):
                    here.signal(user, bytes(MOST_SIGNAL_BYTES))
                await asyncio.sleep(0)


async def hangs_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Say nothing."""


async def stays_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Let the caller wait."""
    await reader.read()


def says(greeting: bytes, *rest: bytes) -> Behaviour:
    """Say one thing, then another for each line that the caller sends."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        for answer in rest:
            await reader.readline()
            writer.write(answer)

    return talk


INFO = b'INFO {"server_id":"liar","max_payload":1048576,"proto":1}\r\n'
LIARS = {
    "hangs up": hangs_up,
    "stays silent": stays_silent,
    "speaks HTTP": says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "garbles INFO": says(b"INFO {\r\n"),
    "lists its INFO": says(b"INFO []\r\n"),
    "refuses": says(INFO, b"", b"-ERR 'Authorization Violation'\r\n"),
    "turns to nonsense": says(INFO, b"", b"PONG\r\n", b"\x00\xff nonsense\r\n"),
    "brings messages nobody asked for": says(INFO, b"", b"PONG\r\n", b"MSG x 77 3\r\nabc\r\nPONG\r\n"),
    "promises a long message": says(INFO, b"", b"PONG\r\n", b"MSG x 1 999999999\r\nabc"),
    "knows no error": says(INFO, b"", b"PONG\r\n", b"-ERR \r\n"),
    "has another permission": says(INFO, b"", b"PONG\r\n", b"-ERR 'Permissions Violation for x'\r\n" * 50),
    "garbles INFO later": says(INFO, b"", b"PONG\r\n", b"INFO {\r\n"),
}


@pytest.mark.parametrize("behaviour", LIARS.values(), ids=LIARS.keys())
async def test_a_server_that_lies_is_left_and_logs_are_not_flooded(
    behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(nats, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(nats, "PING_SECONDS", 0.1)
    user, port = uuid.uuid4(), free_port()
    url = f"nats://user:secret@127.0.0.1:{port}"
    here, there, ears = nats_broker(url), nats_broker(url), Ears()
    caplog.set_level(logging.INFO)
    with capture_logs() as logs:
        there.watch(user)
        async with pretender(port, behaviour) as calls:
            await here.start(Ears())
            await there.start(ears)
            for _ in range(6):
                here.publish(user)
                await calls.get()
        server = NatsServer(port=port)
        await server.start()
        gaps = ears.gaps
        await ears.until_gaps(gaps + 1)
        here.publish(user)
        await ears.until_hint(user)
        await asyncio.gather(here.close(), there.close(), server.kill())
    said = f"{logs} {caplog.text}"
    assert "secret" not in said
    assert len(logs) + len(caplog.records) < 20


@asynccontextmanager
async def pretender(port: int, behaviour: Behaviour) -> AsyncIterator[asyncio.Queue[None]]:
    """A server that is none, and a queue that tells of each call."""
    calls: asyncio.Queue[None] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        calls.put_nowait(None)
        try:
            await behaviour(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", port)
    try:
        yield calls
    finally:
        listener.close()
        for writer in writers:
            writer.close()


@pytest.mark.parametrize(
    ("options", "account", "others"),
    [
        (("--user", "us", "--pass", "p@ss/word,?"), "us:p%40ss%2Fword%2C%3F@", "us:wrong@"),
        (("--auth", "t0ken"), "t0ken@", "wrong@"),
    ],
)
async def test_who_has_the_password_is_let_in_and_nobody_else(
    options: tuple[str, ...], account: str, others: str
) -> None:
    user = uuid.uuid4()
    async with nats_server(*options) as server:
        here, there = (nats_broker(server.url.replace("//", f"//{account}")) for _ in range(2))
        async with listening(here), listening(there, user) as abroad:
            here.publish(user)
            await abroad.until_hint(user)
        with capture_logs() as logs:
            stranger, ears = nats_broker(server.url.replace("//", f"//{others}")), Ears()
            await stranger.start(ears)
            async with asyncio.timeout(20):
                while not logs:  # noqa: ASYNC110 - a broker that is not let in tells nobody but the log
                    await asyncio.sleep(0.01)
            await stranger.close()
    assert ears.gaps == 0
    assert logs == [{"event": "broker.disconnected", "error": "Error", "log_level": "warning"}]


async def test_a_permission_that_is_missing_is_said_once(tmp_path: Path) -> None:
    user, other = uuid.uuid4(), uuid.uuid4()
    permissions = f'{{publish: "{PREFIX}>", subscribe: "_INBOX.>"}}'
    (tmp_path / "nats.conf").write_text(
        f"authorization {{ users = [{{user: u, password: p, permissions: {permissions}}}] }}"
    )
    async with nats_server("--config", str(tmp_path / "nats.conf")) as server:
        with capture_logs() as logs:
            async with listening(nats_broker(server.url.replace("//", "//u:p@")), user, other) as ears:
                pass
    assert ears.gaps == 1
    assert logs == [{"event": "broker.not_permitted", "subjects": f"{PREFIX}*", "log_level": "error"}]


async def test_nothing_is_told_to_a_server_that_should_speak_tls_and_does_not() -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)
        await heard.put(await reader.read())

    port = free_port()
    broker = nats_broker(f"tls://user:secret@127.0.0.1:{port}")
    async with pretender(port, greet):
        await broker.start(Ears())
        async with asyncio.timeout(20):
            assert [await heard.get() for _ in range(3)] == [b"", b"", b""]
        await broker.close()


async def test_a_server_whose_certificate_is_trusted_is_spoken_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = uuid.uuid4()
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make_certificate(certificate, key)
    async with nats_server("--tls", "--tlscert", str(certificate), "--tlskey", str(key)) as server:
        url = server.url.replace("nats://", "tls://")
        stranger, ears = nats_broker(url), Ears()
        await stranger.start(ears)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        here, there = nats_broker(url), nats_broker(url)
        async with listening(here), listening(there, user) as abroad:
            here.publish(user)
            await abroad.until_hint(user)
        await stranger.close()


def make_certificate(certificate: Path, key: Path) -> None:
    """A certificate of the loopback address that vouches for itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nats")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
