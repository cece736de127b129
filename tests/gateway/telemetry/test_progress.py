"""What takes long says so again and again, in the format of the log."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from gateway.environment import read_settings
from gateway.telemetry import progress
from gateway.telemetry.log import configure_logging

SCRIPT = """
import sys
from gateway.telemetry.progress import bar, step, tell
from gateway.telemetry.log import begin_logging

begin_logging(sys.argv[1])
with step("Making"):
    pass
with bar("Copying", 2) as advance:
    advance(2)
tell("Ready")
"""


pytestmark = pytest.mark.usefixtures("restored_logging")


@pytest.mark.parametrize("begun", [progress.step, progress.unless_quick, lambda text: progress.bar(text, 10)])
def test_what_takes_long_is_said_again_and_again(
    begun: Callable[[str], AbstractContextManager[object]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(progress, "REPEAT_SECONDS", 0.005)
    configure_logging(read_settings(log_format="json"))
    said = ""
    with begun("Waiting"):
        while said.count("Waiting (still running)") < 3:
            time.sleep(0.001)
            said += capsys.readouterr().err
    assert all(json.loads(line)["message"].startswith("Waiting") for line in said.splitlines())


def test_what_is_quick_leaves_no_trace_but_as_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(read_settings(log_format="json"))
    with progress.unless_quick("Looking"):
        pass
    assert capsys.readouterr().err == ""
    with progress.step("Making"):
        pass
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == ["Making", "Making done"]


def test_bar_tells_how_far_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REPEAT_SECONDS", 0.005)
    configure_logging(read_settings(log_format="json"))
    said = ""
    with progress.bar("Copying", 8) as advance:
        advance(2)
        while not any(json.loads(line).get("percent") == 25 for line in said.splitlines()):
            time.sleep(0.001)
            said += capsys.readouterr().err


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_terminal_has_a_bar_unless_json_was_asked_for(log_format: str) -> None:
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", SCRIPT, log_format], stderr=theirs, check=True)
    os.close(theirs)
    written = b""
    while True:
        try:
            written += os.read(ours, 65536)
        except OSError:
            break
    os.close(ours)
    lines = written.decode().splitlines()
    if log_format == "json":
        assert [json.loads(line)["message"] for line in lines][-1] == "Ready"
    else:
        assert "\x1b[" in written.decode()
        assert "Copying" in written.decode()
