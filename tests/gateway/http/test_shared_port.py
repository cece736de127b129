"""Several processes may listen on one port, and no stranger gets in among them."""

from __future__ import annotations

import socket
import sys

import aiohttp
import pytest
from aiohttp import web

from gateway.http.shared_port import SharedPort, close, site
from gateway.refusal import Refusal

LOOPBACK = "127.0.0.1"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over sockets")


def test_any_free_port_is_the_same_for_all_sockets() -> None:
    port = SharedPort.reserve(LOOPBACK, 0)
    opened = port.listen() + port.listen()
    names = {each.getsockname() for each in opened}
    close(opened)
    assert len(opened) == 2
    assert names == {port.addresses[0][1]}
    assert names != {(LOOPBACK, 0)}


def test_port_that_others_share_is_taken_all_the_same() -> None:
    others = SharedPort.reserve(LOOPBACK, 0)
    opened = others.listen()
    number = others.addresses[0][1][1]
    with pytest.raises(Refusal, match=f"cannot listen on {LOOPBACK} port {number}: Address already in use"):
        SharedPort.reserve(LOOPBACK, number)
    close(opened)
    assert SharedPort.reserve(LOOPBACK, number) == others


def test_connection_waits_while_one_process_is_replaced_by_another() -> None:
    port = SharedPort.reserve(LOOPBACK, 0)
    kept = port.listen()
    with socket.create_connection(port.addresses[0][1]) as caller:
        inherited = socket.socket(fileno=socket.dup(kept[0].fileno()))
        inherited.close()  # as when a process dies that had it
        accepted, _ = kept[0].accept()
        with accepted:
            accepted.sendall(b"served")
            assert caller.recv(6) == b"served"
    close(kept)


@pytest.mark.parametrize("host", ["::", "0::0", "0:0:0:0:0:0:0:0"])
def test_every_interface_is_that_of_ipv4_as_well(host: str) -> None:
    port = SharedPort.reserve(host, 0)
    opened = port.listen()
    number = opened[0].getsockname()[1]
    for address in (LOOPBACK, "::1"):
        socket.create_connection((address, number), timeout=5).close()
    with pytest.raises(Refusal, match="Address already in use"):
        SharedPort.reserve(LOOPBACK, number)
    close(opened)


@pytest.mark.parametrize("host", ["::", "0::0"])
async def test_every_interface_is_that_of_ipv4_for_a_single_process_too(host: str) -> None:
    async def peer(request: web.Request) -> web.Response:
        return web.Response(text=request.remote)

    app = web.Application()
    app.router.add_get("/", peer)
    runner = web.AppRunner(app)
    await runner.setup()
    await site(runner, host, 0).start()
    number = runner.addresses[0][1]
    async with aiohttp.ClientSession() as http:
        for address in ("127.0.0.1", "[::1]"):
            async with http.get(f"http://{address}:{number}/") as answer:
                assert (await answer.text()).removeprefix("::ffff:") == address.strip("[]")
        with pytest.raises(OSError, match="in use"):
            await site(runner, LOOPBACK, number).start()
    await runner.cleanup()


def test_name_that_is_none_is_refused() -> None:
    with pytest.raises(Refusal, match="cannot listen on no such host"):
        SharedPort.reserve("no such host", 0)


def test_other_systems_are_told_to_do_with_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Refusal, match="PARLEY_WORKERS=1"):
        SharedPort.reserve(LOOPBACK, 0)
