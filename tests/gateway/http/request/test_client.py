"""Where a request comes from: one address for each caller, however it is written."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from gateway.auth.network import network_of
from gateway.http.options import Options
from gateway.http.request.client import client_of

PASSED_ON = Options(trusted_proxies=1)


def address_of(peer: str | None, *passed_on: str) -> str | None:
    headers = CIMultiDict(("X-Forwarded-For", each) for each in passed_on)
    return client_of(CIMultiDictProxy(headers), peer, PASSED_ON if passed_on else Options()).address


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("192.0.2.7:", None),
        ("192.0.2.777:80", None),
        ("[192.0.2.7", None),
        ("unknown", None),
        ("", None),
    ],
)
def test_address_is_the_same_however_it_is_written(written: str, address: str | None) -> None:
    assert address_of(written) == address
    assert address_of("10.0.0.1", written) == address


def test_callers_of_ipv4_are_told_apart_where_all_addresses_are_written_as_ipv6() -> None:
    """As by whatever listens for both on one socket."""
    assert network_of(address_of("::ffff:192.0.2.7")) != network_of(address_of("::ffff:192.0.2.8"))


def test_addresses_that_a_client_makes_up_are_not_believed() -> None:
    assert address_of("10.0.0.1", "6.6.6.6, 203.0.113.7") == "203.0.113.7"
    assert address_of("10.0.0.1", "6.6.6.6", "203.0.113.7") == "203.0.113.7"
