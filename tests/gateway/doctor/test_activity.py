"""Too few connections are found before requests find out."""

from __future__ import annotations

import pytest

from gateway.app import connections_of
from gateway.config import Settings
from gateway.doctor.checks import activity
from gateway.doctor.checks.activity import connections
from tests.gateway.doctor.consulting import after, worries


async def test_pools_that_the_server_cannot_serve_are_made_smaller(
    installed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = installed.model_copy(update={"workers": 3, "pool_size": 450})
    (finding,) = await worries(connections, settings)
    assert f"may open {3 * connections_of(settings)} connections" in finding.problem
    for name, value in (await after(finding, settings)).items():
        monkeypatch.setenv(name, value)
    smaller = Settings(_env_file=None)
    assert await worries(connections, smaller) == []
    assert await worries(connections, smaller.model_copy(update={"pool_size": smaller.pool_size + 1})) != []


async def test_busy_server_is_found(installed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await worries(connections, installed) == []
    monkeypatch.setattr(activity, "BUSY_SHARE", 0.0)
    (finding,) = await worries(connections, installed)
    assert finding.subject == "max_connections"
