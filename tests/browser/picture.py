"""Take the README's picture of GraphiQL: `python -m tests.browser.picture`.

The page is served from an embedded database of its own, which is removed afterwards.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from gateway import demo
from gateway.config import Settings
from gateway.data.server.opening import open_database
from tests.browser.chromium import Page, open_page
from tests.browser.graphiql_page import (
    EVENTS,
    STATES,
    choose_tab,
    feed_cursor,
    listed,
    run,
    send,
    sign_in,
    visit,
    watch,
)
from tests.kit.database import Database, data_directory
from tests.kit.serving import Client, Serving, serving_on

PICTURE = Path(__file__).with_name("graphiql.png")
LARGEST_BYTES = 200_000
WIDTH, HEIGHT = 1280, 800
CONTENTS = ("Which of the open questions block the release?", "None that we know of.")


async def _signed_in(serving: Serving) -> Client:
    client = serving.anonymous()
    account = {"email": demo.EMAIL, "password": demo.PASSWORD}
    client.token = (await client.mutate("signIn", "accessToken", **account))["accessToken"]
    return client


async def at_work(page: Page, serving: Serving) -> bytes:
    """GraphiQL with a subscription that has received messages, beside a query and its response."""
    agent = await _signed_in(serving)
    await page.screenshot(WIDTH, HEIGHT)
    await visit(page, serving.url)
    await sign_in(page)
    await watch(page, await feed_cursor(agent))
    await page.until(f"{STATES}.join() === 'listening'")
    for content in CONTENTS:
        await send(agent, content)
        await listed(page, content)
    await page.evaluate(f"{EVENTS}[0].querySelector('details').open = true")
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until("document.querySelector('.result-window').innerText.includes('totalCount')")
    return await page.screenshot(WIDTH, HEIGHT)


async def main() -> None:
    """Write the picture."""
    with data_directory() as data, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        directory = Path(name)
        settings = Settings(_env_file=None, data_dir=data)
        async with open_database(settings) as opened:
            await demo.fill(opened)
            database = Database("parley", opened.owner_url or "", opened.runtime_url)
            async with (
                serving_on(database, directory, demo=True) as serving,
                open_page(directory / "profile") as page,
            ):
                picture = await at_work(page, serving)
    if len(picture) > LARGEST_BYTES:
        raise SystemExit(f"The picture has {len(picture):,} bytes, more than {LARGEST_BYTES:,}.")
    PICTURE.write_bytes(picture)


if __name__ == "__main__":
    asyncio.run(main())
