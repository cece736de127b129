"""Fixtures that every test may ask for."""

from __future__ import annotations

import pytest

DOMAINS = ("accounts", "chat", "context", "tools", "usage")

pytest_plugins = ["tests.database", "tests.serving", "tests.rows", "tests.estate", "tests.runtime"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what the domains promise on both executors."""
    package = (metafunc.module.__package__ or "").removeprefix("tests.")
    if package in DOMAINS and "serving" in metafunc.fixturenames:
        metafunc.parametrize("executor", ("breadth_first", "depth_first"), indirect=True, scope="module")
