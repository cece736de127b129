"""Fixtures of the tests that compare both ways to run an operation."""

from __future__ import annotations

from tests.parity.served_user import served

__all__ = ["served"]
