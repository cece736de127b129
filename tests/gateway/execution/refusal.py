"""What an engine says to a request that it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.execution import Engine
from gateway.execution.prepare.request import OperationRequest, RequestErrors


def refusal(engine: Engine, query: str, name: str | None = None, **variables: Any) -> RequestErrors:
    """The errors of the request, which must not get as far as running."""
    with pytest.raises(RequestErrors) as refused:
        engine.prepare(OperationRequest(query, name, variables))
    return refused.value
