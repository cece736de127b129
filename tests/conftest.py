"""Fixtures that every test may ask for."""

from __future__ import annotations

import pkgutil
import signal

import pytest

import resolvers

DOMAINS = {found.name for found in pkgutil.iter_modules(resolvers.__path__)}

pytest_plugins = [
    "tests.kit.database",
    "tests.kit.serving",
    "tests.kit.rows",
    "tests.kit.estate",
    "tests.kit.runtime",
    "tests.faults.report.summary",
]


def pytest_configure() -> None:
    """Take SIGTERM as Ctrl-C, so that fixtures end what they have started: gateways, PostgreSQL, NATS."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs have it ignored
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what the domains promise on both executors."""
    package = (metafunc.module.__package__ or "").removeprefix("tests.")
    if package in DOMAINS and "serving" in metafunc.fixturenames:
        metafunc.parametrize("executor", ("breadth_first", "depth_first"), indirect=True, scope="module")
