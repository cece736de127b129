"""Callers are told apart by what they cannot vary for free."""

from __future__ import annotations

import pytest

from gateway.auth.network import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::"),
        ("2001:db8::ffff:1", "2001:db8::"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::1", "::"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        (None, "unknown"),
    ],
)
def test_a_network_is_an_ipv4_address_or_half_of_an_ipv6_address(address: str | None, network: str) -> None:
    assert network_of(address) == network
