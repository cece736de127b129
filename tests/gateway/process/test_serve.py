"""`parley serve` says what it does from its first moment, in one format, and makes nothing where it cannot listen."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from gateway import demo
from tests.faults.servers.process import GatewayProcess, gateway_in
from tests.gateway.test_main import parley
from tests.kit.database import data_directory

JSON = {"PARLEY_LOG_FORMAT": "json", "PARLEY_LOG_LEVEL": "info", "PARLEY_DEMO": "true", "PARLEY_PROT": "8000"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway() -> AsyncIterator[GatewayProcess]:
    """A gateway that logs JSON, on a database that it had to make."""
    with data_directory() as directory:
        async with gateway_in(directory, JSON | {"PARLEY_METRICS_PORT": "0"}) as made:
            yield made


async def test_every_line_of_a_cold_start_is_json_and_none_has_the_demo_password(gateway: GatewayProcess) -> None:
    await gateway.until_it_says("Stop with")
    messages = [json.loads(line)["message"] for line in gateway.said]
    for expected in (
        "PARLEY_PROT is not a setting. Did you mean PARLEY_PORT?",
        "Creating the database (first start only)",
        "Starting PostgreSQL done",
        "Migrating",
        "Making demo data (first start only) done",
        f"Parley serves GraphQL at {gateway.url}/graphql",
        f"Demo account: {demo.EMAIL}",
    ):
        assert expected in messages
    assert demo.PASSWORD not in "".join(gateway.said)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the limits of another process")
async def test_a_crash_leaves_no_core_file_with_secrets(gateway: GatewayProcess) -> None:
    assert psutil.Process(gateway.process_id).rlimit(psutil.RLIMIT_CORE) == (0, 0)


async def test_port_that_parley_has_is_said_before_anything_is_made(gateway: GatewayProcess, tmp_path: Path) -> None:
    data = tmp_path / "data"
    refused = parley("serve", PARLEY_LOG_LEVEL="error", PARLEY_PORT=str(gateway.port), PARLEY_DATA_DIR=str(data))
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"parley: Parley already runs on 127.0.0.1 port {gateway.port}.")
    assert not data.exists()


@pytest.mark.parametrize(("setting", "others"), [("PARLEY_PORT", {}), ("PARLEY_METRICS_PORT", {"PARLEY_PORT": "0"})])
def test_port_that_another_has_is_said_before_anything_is_made(
    setting: str, others: dict[str, Any], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = parley("serve", PARLEY_LOG_LEVEL="error", PARLEY_DATA_DIR=str(data), **{setting: str(port), **others})
    assert refused.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use. Set {setting}." in refused.stderr
    assert not data.exists()


@pytest.mark.parametrize(
    ("setting", "others"),
    [("PARLEY_HOST", {"PARLEY_PORT": "0"}), ("PARLEY_METRICS_HOST", {"PARLEY_METRICS_PORT": "0"})],
)
@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_host_that_is_none_of_this_machine_is_said_before_anything_is_made(
    setting: str, others: dict[str, Any], host: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"PARLEY_PORT": "0", setting: host, **others}
    refused = parley("serve", PARLEY_LOG_LEVEL="error", PARLEY_DATA_DIR=str(tmp_path / "data"), **settings)
    assert refused.stderr.startswith(f"parley: Parley cannot listen on {host} port 0: ")
    assert refused.stderr.endswith(f" Set {setting}.\n")
    assert not (tmp_path / "data").exists()


async def test_postgresql_that_does_not_start_is_one_line_of_json() -> None:
    with data_directory() as directory:
        assert parley("migrate", PARLEY_DATA_DIR=str(directory)).returncode == 0
        with (directory / "postgres" / "postgresql.auto.conf").open("a") as file:
            file.write("no_such_setting = on\n")
        failed = parley("serve", PARLEY_DATA_DIR=str(directory), PARLEY_PORT="0", PARLEY_LOG_FORMAT="json")
    assert failed.returncode == 1
    lines = [json.loads(line) for line in failed.stderr.splitlines()]
    assert "no_such_setting" in lines[-1]["message"]
