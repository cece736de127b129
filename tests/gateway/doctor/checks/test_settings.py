"""Settings that are misspelt, contradict each other or give tokens away are found."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway.config import Settings
from gateway.doctor.checks.settings import (
    contradictory_settings,
    public_address,
    tokens_in_the_clear,
    unknown_settings,
)
from gateway.doctor.finding import Severity
from tests.gateway.doctor.checking import ROOT, after, problems, run_check
from tests.kit.environment import without_settings
from tests.kit.network.ports import free_port
from tests.kit.serving import settings_for

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl")

OWN = "postgresql://parley_app@127.0.0.1:1/parley"


async def test_misspelt_variable_is_found_until_it_is_unset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(tmp_path)
    monkeypatch.setenv("PARLEY_WORKRES", "4")
    (finding,) = [each for each in await problems(unknown_settings, settings) if each.subject == "PARLEY_WORKRES"]
    assert finding.problem == "PARLEY_WORKRES is not a setting. Did you mean PARLEY_WORKERS? It has no effect."
    assert finding.command == "unset PARLEY_WORKRES"
    monkeypatch.delenv(finding.command.removeprefix("unset "))
    assert "PARLEY_WORKRES" not in {each.subject for each in await problems(unknown_settings, settings)}


@pytest.mark.parametrize(
    ("chosen", "subject"),
    [
        ({"broker_url": "process:", "workers": 4}, "PARLEY_BROKER_URL"),
        ({"demo": True, "database_url": OWN}, "PARLEY_DEMO"),
        ({"pool_wait_seconds": 60, "operation_seconds": 20}, "PARLEY_POOL_WAIT_SECONDS"),
    ],
)
async def test_contradiction_is_resolved_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, Any], subject: str
) -> None:
    settings = settings_for(tmp_path, **{"pool_wait_seconds": 2, **chosen})
    (finding,) = await problems(contradictory_settings, settings)
    assert finding.subject == subject
    for name, value in (await after(finding, settings)).items():
        monkeypatch.setenv(name, value)
    assert await problems(contradictory_settings, Settings(_env_file=None)) == []


async def test_limits_without_effect_are_noted(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, max_sockets=100, refresh_token_days=60, session_days=30, pool_wait_seconds=2)
    findings = (await run_check(contradictory_settings, settings)).findings
    assert {finding.severity for finding in findings} == {Severity.NOTE}
    assert [finding.subject for finding in findings] == [
        "PARLEY_MAX_SOCKETS_PER_ADDRESS",
        "PARLEY_MAX_ANONYMOUS_SOCKETS",
        "PARLEY_REFRESH_TOKEN_DAYS",
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "parley.example.org"])  # noqa: S104
async def test_public_address_without_a_proxy_is_found(tmp_path: Path, host: str) -> None:
    (finding,) = await problems(tokens_in_the_clear, settings_for(tmp_path, host=host))
    assert f"PARLEY_HOST is {host}" in finding.problem
    assert "PARLEY_TRUSTED_PROXIES" in finding.advice
    assert await problems(tokens_in_the_clear, settings_for(tmp_path, host=host, trusted_proxies=1)) == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
async def test_address_of_this_machine_is_private(tmp_path: Path, host: str) -> None:
    assert (await run_check(tokens_in_the_clear, settings_for(tmp_path, host=host))).status == "ok"


async def test_trusted_origin_without_tls_is_found(tmp_path: Path) -> None:
    origins = ("http://app.example.org", "http://localhost:5173", "https://app.example.org", "tauri://localhost")
    (finding,) = await problems(tokens_in_the_clear, settings_for(tmp_path, trusted_origins=origins))
    assert finding.problem.startswith("Pages of http://app.example.org")


async def test_public_metrics_are_noted(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, metrics_port=9100, metrics_host="0.0.0.0")  # noqa: S104
    assert (await run_check(tokens_in_the_clear, settings)).status == "note"


async def test_public_address_is_not_checked_before_it_is_known(tmp_path: Path) -> None:
    assert "doctor --url" in str((await run_check(public_address, settings_for(tmp_path))).not_checked)


async def test_public_url_without_tls_is_found(tmp_path: Path) -> None:
    (finding,) = await problems(public_address, settings_for(tmp_path), "http://parley.example.org")
    assert "has no TLS" in finding.problem


async def test_public_url_that_does_not_answer_is_found(tmp_path: Path) -> None:
    url = f"https://127.0.0.1:{free_port()}"
    (finding,) = await problems(public_address, settings_for(tmp_path), url)
    assert f"{url} does not answer" in finding.problem


@needs_openssl
async def test_public_url_must_have_a_valid_certificate_and_insist_on_tls(tmp_path: Path) -> None:
    async with proxy(tmp_path) as url:
        assert "certificate" in (await said_of(url, tmp_path))["problem"]
        found = await said_of(url, tmp_path, SSL_CERT_FILE=str(tmp_path / "parley.pem"))
        assert "sends no Strict-Transport-Security" in found["problem"]
        assert 'add_header Strict-Transport-Security "max-age=31536000" always;' in found["advice"]
    async with proxy(tmp_path, {"Strict-Transport-Security": "max-age=31536000"}) as url:
        assert await said_of(url, tmp_path, SSL_CERT_FILE=str(tmp_path / "parley.pem")) == {}
    async with proxy(tmp_path, status=502) as url:
        found = await said_of(url, tmp_path, SSL_CERT_FILE=str(tmp_path / "parley.pem"))
        assert "answers 502 instead of 200" in found["problem"]


async def said_of(url: str, directory: Path, **environment: str) -> dict[str, str]:
    """The finding of the real command about a URL, in a process that trusts what the environment says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "doctor", "--json", "--url", url),
        env={**without_settings("SSL_"), "PYTHONPATH": str(ROOT), "PARLEY_DATA_DIR": str(directory), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    printed, _ = await process.communicate()
    (check,) = [each for each in json.loads(printed)["checks"] if each["name"] == "public_address"]
    (found,) = check["findings"] or [{}]
    return dict(found)


@asynccontextmanager
async def proxy(directory: Path, headers: dict[str, str] | None = None, status: int = 200) -> AsyncIterator[str]:
    """A server with TLS that answers as a proxy in front of Parley would."""
    key, certificate = certified(directory)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def health(_: web.Request) -> web.Response:
        return web.Response(status=status, headers=headers)

    app = web.Application()
    app.router.add_get("/healthz", health)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def certified(directory: Path) -> tuple[Path, Path]:
    """A key and a certificate for this machine."""
    key, certificate = directory / "parley.key", directory / "parley.pem"
    named = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, *named)
    subprocess.run(made, check=True, capture_output=True)
    return key, certificate
