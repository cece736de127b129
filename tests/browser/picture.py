"""Take the README's picture of the chat page, on which the demo agent works: `python -m tests.browser.picture`.

The page is served from an embedded database of its own, which is removed afterwards.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from gateway import demo
from gateway.config import Settings
from gateway.data.server.opening import open_database
from gateway.demo import agent
from tests.browser.chat_page import decide, open_conversation, status, visit
from tests.browser.chromium import Page, open_page
from tests.kit.database import Database, data_directory
from tests.kit.serving import Serving, serving_on

PICTURE = Path(__file__).with_name("chat.png")
LARGEST_BYTES = 200_000
WIDTH, HEIGHT = 1280, 720
REASON = "It only reads."


async def at_work(page: Page, serving: Serving) -> bytes:
    """The page while the agent waits for the second of two approvals."""
    said: asyncio.Queue[str] = asyncio.Queue()
    await _set_budget(serving)
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(agent.work(serving.url, said.put_nowait, once=True, piece_seconds=0))
        conversation = (await said.get()).partition("#")[2]
        await visit(page, serving.url)
        await open_conversation(page, conversation)
        await decide(page, "list_changes", "Approve", REASON)
        await page.until(f"{status('list_changes')} === 'completed'")
        await page.until(f"{status('publish_release')} === 'waits for approval'")
        await page.until(
            "document.querySelector('#budget').textContent.includes('$0.002') && document.querySelector('meter')"
        )
        await page.evaluate("document.querySelector('#log').scrollTop = 0")
        await page.screenshot(WIDTH, HEIGHT)  # sets the size of the window, which moves the cards
        await page.until("document.querySelector('.decision button:enabled')")
        picture = await page.screenshot(WIDTH, HEIGHT)
        working.cancel()
    return picture


async def _set_budget(serving: Serving) -> None:
    person = serving.anonymous()
    account = {"email": demo.EMAIL, "password": demo.PASSWORD}
    person.token = (await person.mutate("signIn", "accessToken", **account))["accessToken"]
    await person.make("createUsageQuota", "usageQuota", unit="USD", period="MONTH", mode="HARD", limit="20")


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
