"""Fixtures that every test may ask for."""

from __future__ import annotations

pytest_plugins = ["tests.database", "tests.serving", "tests.rows", "tests.estate", "tests.runtime"]
