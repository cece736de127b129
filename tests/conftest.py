"""Fixtures and hooks for all tests."""

from __future__ import annotations

import pkgutil
import signal

import pytest

import resolvers

DOMAINS = {module.name for module in pkgutil.iter_modules(resolvers.__path__)}

pytest_plugins = [
    "tests.kit.database",
    "tests.kit.serving",
    "tests.kit.rows",
    "tests.kit.estate",
    "tests.kit.runtime",
    "tests.faults.report.summary",
]


def pytest_configure() -> None:
    """Treat SIGTERM like Ctrl-C, so that fixtures stop the gateways, PostgreSQL and NATS that they started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with SIGINT ignored
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of the domains on both executors."""
    package = (metafunc.module.__package__ or "").removeprefix("tests.")
    if package.partition(".")[0] in DOMAINS and "serving" in metafunc.fixturenames:
        metafunc.parametrize("executor", ("breadth_first", "depth_first"), indirect=True, scope="module")
