"""An engine on the toy schema."""

from __future__ import annotations

import pytest

from gateway.execution import Engine
from tests.gateway.toy import toy_schema


@pytest.fixture(scope="package")
def engine() -> Engine:
    return Engine(toy_schema())
