"""A gateway with the demo account, and a browser."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway import demo
from gateway.data.server.opening import OpenDatabase
from gateway.http import pages
from tests.browser.chromium import EXECUTABLE, Page, open_page
from tests.browser.graphiql_page import WATCH_SOCKETS
from tests.kit.database import Database
from tests.kit.serving import Client, Serving, serving_on


@pytest.fixture(scope="module")
async def serving(database: Database) -> AsyncIterator[Serving]:
    """A gateway that offers the demo account."""
    if EXECUTABLE is None:
        pytest.skip("no Chromium on this machine")
    if not (pages.FOLDER / pages.PACKAGES).is_dir():
        pytest.skip("GraphiQL's packages are not installed: make serve")
    await demo.fill(OpenDatabase(database.runtime_url, database.owner_url))
    with tempfile.TemporaryDirectory() as directory:
        # The shortest life that there is: the page renews such a token before each request.
        async with serving_on(database, Path(directory), demo=True, access_token_seconds=30) as made:
            yield made


@pytest.fixture
async def agent(serving: Serving) -> Client:
    """The demo account on another device."""
    client = serving.anonymous()
    account = {"email": demo.EMAIL, "password": demo.PASSWORD}
    client.token = (await client.mutate("signIn", "accessToken", **account))["accessToken"]
    return client


@pytest.fixture
async def page(serving: Serving, tmp_path: Path) -> AsyncIterator[Page]:
    # Asking for the gateway here lets the browser go first, so that no socket keeps the gateway waiting.
    async with open_page(tmp_path / "profile") as page:
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH_SOCKETS)
        yield page
