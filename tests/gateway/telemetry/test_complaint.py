"""A log that strangers write to stays small, and still tells what happened and how often."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
import structlog

from gateway.environment import read_settings
from gateway.telemetry.complaint import (
    LONGEST_TEXT,
    MOST_ADDRESSES,
    MOST_KEPT,
    WINDOW_SECONDS,
    Faults,
    Repeats,
    shortened,
)
from gateway.telemetry.log import configure_logging
from tests.gateway.http.clients.raw_client import connected, post
from tests.gateway.http.clients.raw_socket import upgrade
from tests.gateway.toy import serving


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("gateway.telemetry.log.Repeats", lambda: Repeats(made))
    return made


@pytest.fixture(autouse=True)
def _logging(clock: Clock, restored_logging: None) -> None:
    configure_logging(read_settings(log_format="json", log_level="info"))


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def complain(address: str = "198.51.100.1", payload: str = "x") -> None:
    """As a library does."""
    logging.getLogger("aiohttp.websocket").warning("%s: Client protocols %r don't overlap", address, payload)


def test_same_complaint_from_one_address_is_told_once_with_a_count_afterwards(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    for number in range(300):
        complain(payload=f"protocol {number}")
    (line,) = written(capsys)
    assert line["message"] == "198.51.100.1: Client protocols 'protocol 0' don't overlap"
    clock.now += WINDOW_SECONDS
    logging.getLogger("other").warning("Something else.")
    count, other = written(capsys)
    assert (count["repeated"], count["about"], count["level"]) == (299, "198.51.100.1", "warning")
    assert count["message"] == "…: Client protocols … don't overlap"
    assert other["message"] == "Something else."
    complain()
    assert len(written(capsys)) == 1


async def test_count_is_told_by_itself_when_nothing_else_is_logged(
    capsys: pytest.CaptureFixture[str], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.telemetry.complaint.WINDOW_SECONDS", 0.01)
    for _ in range(3):
        complain()
    clock.now += 1
    async with asyncio.timeout(20):
        lines: list[dict[str, Any]] = []
        while len(lines) < 2:
            await asyncio.sleep(0.01)
            lines += written(capsys)
    assert [line.get("repeated") for line in lines] == [None, 2]


def test_other_addresses_are_told_apart_up_to_a_number(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    for number in range(10_000):
        complain(f"2001:db8::{number:x}")
    assert len(written(capsys)) == MOST_ADDRESSES + 1
    clock.now += WINDOW_SECONDS
    complain()
    assert [line["repeated"] for line in written(capsys) if "repeated" in line] == [10_000 - MOST_ADDRESSES - 1]


def test_different_complaints_are_all_told(capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.stdlib.get_logger("gateway")
    for error in ("A", "B", "A"):
        log.warning("database.failed", error=error)
    log.error("database.failed", error="C")
    log.warning("database.silent")
    assert len(written(capsys)) == 4


def test_a_count_reads_like_the_line_that_it_counts(capsys: pytest.CaptureFixture[str], clock: Clock) -> None:
    log = structlog.stdlib.get_logger("gateway")
    for _ in range(3):
        log.warning("database.failed", error="A", attempt=1, token="hunter2", causes=[{"at": "x"}])
    (line,) = written(capsys)
    clock.now += WINDOW_SECONDS
    log.warning("database.silent")
    count, _ = written(capsys)
    times = {name: count.pop(name) for name in ("repeated", "seconds", "timestamp")}
    assert times | {"repeated": 2, "seconds": WINDOW_SECONDS} == times
    del line["timestamp"], line["causes"]
    assert count == line
    assert count["token"] == "[redacted]"


def test_what_is_no_complaint_is_always_told(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        structlog.stdlib.get_logger("gateway").info("started")
    assert len(written(capsys)) == 3


@pytest.mark.parametrize("format", ["json", "text"])
def test_lines_are_bounded(capsys: pytest.CaptureFixture[str], format: str) -> None:
    configure_logging(read_settings(log_format=format))
    huge = "x" * 1_000_000
    complain(payload=huge)
    log = structlog.stdlib.get_logger("gateway")
    log.error("failed", operation=huge, path=[huge] * 3, cause={huge: [{"at": huge}]}, raw=huge.encode())
    log.error(huge)
    try:
        raise ValueError(huge)
    except ValueError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved\n%s", huge)
    text = capsys.readouterr().err
    assert len(text) < 30 * LONGEST_TEXT
    assert "1,000,0" in text
    assert "Traceback" in text


def test_traceback_shows_no_values_of_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(read_settings(log_format="text"))
    password = "".join(("hunter", "2"))
    try:
        raise ValueError(len(password))
    except ValueError:
        logging.getLogger("asyncio").exception("failed")
    assert "hunter2" not in capsys.readouterr().err


def test_memory_is_bounded() -> None:
    repeats = Repeats(Clock())
    for number in range(3 * MOST_KEPT):
        record = logging.LogRecord("x", logging.WARNING, "", 0, f"message {number}", (f"{number}",), None)
        assert repeats.filter(record)
    assert len(repeats._logged) == MOST_KEPT
    assert repeats._addresses.total() == MOST_KEPT


async def test_strangers_cannot_fill_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    odd = "Sec-WebSocket-Protocol: " + ", ".join(f"protocol-{number}" for number in range(500))
    requests = [
        upgrade().replace(b"Sec-WebSocket-Protocol: graphql-transport-ws", odd.encode()),
        upgrade().replace(b"Version: 13", b"Version: " + b"x" * 5_000),
        upgrade("Origin: http://["),
        post(b'{"query":"query ' + b"x" * 4_000 + b' { boom }"}'),
        post(b"{}", f"Cookie: {'x' * 20_000}"),
        post(b"{}", "Accept: text/event-stream", "Origin: http://["),
        b"\x00\xff" * 4_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
    ]
    async with serving() as served:
        for request in requests * 50:
            async with connected(served) as raw:
                raw.send(request)
                await raw.reader.readuntil(b"\r\n\r\n")
    written_bytes = len(capsys.readouterr().err)
    assert written_bytes < 40_000, written_bytes


def test_fault_that_comes_often_keeps_its_reference() -> None:
    clock = Clock()
    faults = Faults(most=2, clock=clock)
    first, second, third = (faults.record("a") for _ in range(3))
    assert first[1] == second[1] == 0
    assert third == (second[0], None)
    assert first[0] != second[0]
    assert faults.record("b")[1] == 0
    assert faults.record("a") == (second[0], None)
    clock.now += WINDOW_SECONDS
    again = faults.record("a")
    assert again[1] == 2
    assert again[0] != second[0]
    for number in range(3 * MOST_KEPT):
        faults.record(f"{number}")
    assert len(faults._known) == MOST_KEPT


def test_beginning_and_end_of_a_long_text_are_kept() -> None:
    assert shortened("x" * LONGEST_TEXT) == "x" * LONGEST_TEXT
    cut = shortened("a" + "x" * LONGEST_TEXT + "z")
    assert (cut[0], cut[-1]) == ("a", "z")
    assert len(cut) < LONGEST_TEXT + 50
