"""Close codes and their reasons, as clients are told of them."""

from __future__ import annotations

import pytest
from aiohttp import WSCloseCode

from gateway.http.close import MAX_REASON_BYTES, CloseCode, encode_reason


def test_codes_below_4000_are_those_of_websockets() -> None:
    assert {code for code in CloseCode if code < 4000} <= {*WSCloseCode}


@pytest.mark.parametrize(
    ("reason", "sent"),
    [
        ("signed out", "signed out"),
        ("é" * 61, "é" * 61),
        ("é" * 62, "é" * 60 + "…"),
        ("x" * MAX_REASON_BYTES, "x" * MAX_REASON_BYTES),
        ("x" * 124, "x" * 120 + "…"),
        ("\ud800", "?"),
    ],
)
def test_reason_fits_into_a_close_frame(reason: str, sent: str) -> None:
    assert encode_reason(reason).decode() == sent
    assert len(encode_reason(reason)) <= MAX_REASON_BYTES
