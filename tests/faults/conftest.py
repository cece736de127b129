"""Shows what came of each run with faults at the end of the session."""

from __future__ import annotations

import pytest

from tests.faults.account import lines
from tests.faults.chance import SEED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines:
        terminalreporter.section(f"histories under faults (seed {SEED})")
        for line in lines:
            terminalreporter.write_line(line)
