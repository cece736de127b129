"""A gateway that is asked to stop goes on serving for as long as its load balancers take to hear of it."""

from __future__ import annotations

import signal

import aiohttp
import pytest

from tests.faults.servers.process import STOPS, GatewayProcess, gateway_in, signed_up
from tests.kit.database import data_directory


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_drain_serves_newcomers_and_ends_at_once_when_asked_again(workers: str) -> None:
    settings = {"PARLEY_DRAIN_SECONDS": "600", "PARLEY_WORKERS": workers, "PARLEY_METRICS_PORT": "0"}
    with data_directory() as directory:
        async with gateway_in(directory, settings) as gateway, aiohttp.ClientSession() as http:
            gateway.signal(signal.SIGTERM)
            await gateway.until_it_says(STOPS)
            while (status := await readiness(http, gateway.url)) != 503:
                assert status == 200, "its workers have yet to hear of it"
            user = await signed_up(http, gateway)
            async with user.socket() as socket:
                events = await socket.subscribe("{ __typename }")
                assert await anext(events) == {"__typename": "Query"}
                assert await is_counted(http, gateway) == (workers == "1")
                gateway.signal(signal.SIGTERM)
                assert await gateway.ended() == 130
            assert gateway.cluster.server() is None


async def is_counted(http: aiohttp.ClientSession, gateway: GatewayProcess) -> bool:
    """Whether the metrics tell of the socket; workers that were told to stop are asked no more."""
    (url,) = [line.split()[-1] for line in gateway.said if "Metrics" in line]
    async with http.get(url) as answer:
        return 'parley_sockets_open{worker="1"} 1.0' in await answer.text()


async def readiness(http: aiohttp.ClientSession, url: str) -> int:
    """The status of `/readyz`."""
    async with http.get(f"{url}/readyz") as answer:
        return answer.status
