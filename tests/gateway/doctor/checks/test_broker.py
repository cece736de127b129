"""Hints that reach no other process are found."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from gateway.config import Settings
from gateway.doctor.checks.broker import broker
from tests.gateway.doctor.checking import problems, run_check
from tests.kit.network.nats_server import NatsServer
from tests.kit.serving import settings_for

ONLY_PUBLISHES = """
authorization {
    users = [{ user: u, password: p, permissions: { publish: "parley.user.>", subscribe: "_INBOX.>" } }]
}
"""


async def test_hints_over_postgres_arrive(installed: Settings) -> None:
    assert (await run_check(broker, installed)).status == "ok"


async def test_hints_over_nats_arrive_only_while_it_runs(installed: Settings) -> None:
    nats = NatsServer()
    settings = installed.model_copy(update={"broker_url": SecretStr(nats.url.replace("//", "//u:secret@"))})
    (finding,) = await problems(broker, settings)
    assert "Hints over NATS cannot be sent, because it does not answer" in finding.problem
    assert "secret" not in f"{finding}"
    await nats.start()
    try:
        assert await problems(broker, settings) == []
    finally:
        await nats.kill()


async def test_nats_that_lets_nobody_listen_is_found(installed: Settings, tmp_path: Path) -> None:
    rules = tmp_path / "nats.conf"
    rules.write_text(ONLY_PUBLISHES)
    nats = NatsServer(("--config", str(rules)))
    await nats.start()
    try:
        url = SecretStr(nats.url.replace("//", "//u:p@"))
        (finding,) = await problems(broker, installed.model_copy(update={"broker_url": url}))
        assert "arrive nowhere" in finding.problem
        assert "publish and subscribe to parley.user.>" in finding.advice
    finally:
        await nats.kill()


async def test_processes_without_a_broker_are_told_what_they_lose(installed: Settings, tmp_path: Path) -> None:
    alone = installed.model_copy(update={"broker_url": SecretStr("process:")})
    assert (await run_check(broker, alone)).status == "note"
    assert (await run_check(broker, settings_for(tmp_path, broker_url="process:"))).status == "ok"
