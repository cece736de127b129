"""Shows what came of each run with faults at the end of the session, whichever test process it was in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.report.account import lines

KEY = "histories"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what was found here, if this is one of several test processes."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[KEY] = lines


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what was found by another test process, if it has lived to tell."""
    lines.extend(getattr(node, "workeroutput", {}).get(KEY, ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines:
        terminalreporter.section("histories under faults")
        for line in lines:
            terminalreporter.write_line(line)
