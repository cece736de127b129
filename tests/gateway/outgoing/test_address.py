"""Addresses: what is not public cannot be reached, in whichever form it is written."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outgoing.address import Reach
from gateway.outgoing.url import NotAllowed, check

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111"]
PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.1", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "100::1", "2001:db8::1", "2001:10::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2001:0:7f00:1::1", "3fff::1", "5f00::1"),
    *("fe80::1%1", "fe80::1%eth0", "1.1.1.1%1", "not an address", ""),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_can_be_reached(address: str) -> None:
    assert Reach().contains(address)


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_cannot(address: str) -> None:
    assert not Reach().contains(address)


def test_the_operator_allows_networks() -> None:
    reach = Reach([ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("::1/128")])
    for address in ("10.20.3.4", "::1", "::ffff:10.20.0.1", "1.1.1.1"):
        assert reach.contains(address)
    for address in ("10.21.0.1", "127.0.0.1", "::ffff:10.21.0.1"):
        assert not reach.contains(address)


@given(st.ip_addresses())
def test_nothing_is_reached_that_python_calls_private(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Python's own list, which differs between versions, is not relied on. Whatever it refuses is refused here too."""
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        holds_another = isinstance(address, ipaddress.IPv6Address) and (
            address.ipv4_mapped is not None or address in ipaddress.ip_network("64:ff9b::/96")
        )
        assert holds_another or not Reach().contains(str(address))


URLS = [
    *("http://127.1/", "https://127.1/v1", "https://2130706433", "https://0x7f000001", "https://0177.0.0.1"),
    *("https://0x7f.1", "https://127.0.1", "https://[::1]", "https://[::ffff:127.0.0.1]:8443", "https://localhost"),
    *("https://localhost.", "https://LOCALHOST", "https://a.localhost", "https://metadata.google.internal"),
    *("https://intranet", "https://printer.local", "https://10.0.0.1", "https://169.254.169.254/latest"),
    *("https://user:pass@example.com", "https://user@example.com", "https://example.com@10.0.0.1", "ftp://example.com"),
    *("http://example.com", "https://", "https://:443", "https://example.com:0", "https://example.com:99999"),
    *(
        "https://exa%6dple.com",
        "https://127.0.0.1%00.example.com",
        "https://\uff11\uff12\uff17.0.0.1",
        "https://\u24dbocalhost",
    ),
    *("https://example.com.", "https://1.1.1.1.", "https://[fe80::1%25eth0]", "https://-a.example.com"),
    *("https://example.1", "file:///etc/passwd", "https://a..b.com", "//example.com", "https://[v1.x]"),
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_leads_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(NotAllowed):
        check(url, Reach())


@pytest.mark.parametrize("url", ["https://api.example.com/v1", "https://1.1.1.1:8443", "https://[2606:4700::1111]/v1"])
def test_a_public_url_is_taken(url: str) -> None:
    check(url, Reach())


def test_a_url_of_an_allowed_network_is_taken() -> None:
    reach = Reach([ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("10.0.0.0/8")])
    for url in ("http://127.0.0.1:11434/v1", "http://localhost:11434", "https://10.0.0.1", "https://models"):
        check(url, reach)
    for url in ("http://10.0.0.1", "http://models", "https://192.168.0.1", "https://127.1"):
        with pytest.raises(NotAllowed):
            check(url, reach)
