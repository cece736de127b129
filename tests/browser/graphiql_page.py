"""What a person does and sees on GraphiQL's page."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.browser.chromium import Page
from tests.kit.serving import Client

CONVERSATION = "01980000-0000-7000-8000-000000000001"
WATCH_SOCKETS = """
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
      constructor(...how) { super(...how); sockets.push(this); }
    };
"""
RESPONSE = "document.querySelector('.result-window .CodeMirror').CodeMirror.getValue()"
EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror"
VARIABLES = "document.querySelectorAll('.graphiql-editor-tool .CodeMirror')[0].CodeMirror"
VAULT = "import(document.querySelector('script[type=module]').src.replace('graphiql/page.js', 'pages/vault.js'))"
EVENTS = "[...document.querySelectorAll('#live .run:first-child li')]"
STATES = "[...document.querySelectorAll('#live .state')].map((state) => state.textContent)"
ALL_CLOSED = "sockets.length && sockets.every((socket) => socket.readyState === WebSocket.CLOSED)"
HEADERS = "document.querySelectorAll('.graphiql-editor-tool .CodeMirror')[1].CodeMirror"


async def visit(page: Page, url: str) -> None:
    await page.call("Page.navigate", url=url)
    await page.until("document.querySelector('.graphiql-execute-button') && document.forms[0].email.value")


async def sign_in(page: Page) -> None:
    await page.evaluate("document.forms['sign-in'].requestSubmit()")
    await page.until("document.querySelector('header').innerText.includes('Signed in as demo@parley.example')")


async def kept(page: Page) -> Any:
    """The tokens that the browser keeps."""
    return await page.evaluate(f"{VAULT}.then((vault) => vault.read())")


async def choose_tab(page: Page, operation: str) -> None:
    tabs = "[...document.querySelectorAll('.graphiql-tab-button')]"
    await page.evaluate(f"{tabs}.find((tab) => tab.textContent === '{operation}').click()")
    await ready(page, operation)


async def ready(page: Page, operation: str) -> None:
    """Until the editor has parsed the tab's text, GraphiQL would run the operation of the tab before."""
    await page.until(f"{EDITOR}.operationName === '{operation}'")


async def run(page: Page) -> None:
    await page.evaluate("document.querySelector('.graphiql-execute-button').click()")


async def watch(page: Page, after: str) -> None:
    """Start "Watch live" from a cursor, so that it does not matter when the gateway gets to it."""
    await choose_tab(page, "WatchLive")
    variables = json.dumps({"conversationId": CONVERSATION, "after": after}, indent=2)
    await page.evaluate(f"{VARIABLES}.setValue({json.dumps(variables)})")
    await run(page)


async def listed(page: Page, content: str) -> Any:
    """The data of the event with this content, once the panel lists it."""
    event = f"{EVENTS}.map((item) => item.querySelector('code').textContent).find((text) => text.includes('{content}'))"
    await page.until(event)
    return json.loads(await page.evaluate(event))


@asynccontextmanager
async def another_window(page: Page) -> AsyncIterator[Page]:
    async with page.another_window() as other:
        await other.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH_SOCKETS)
        yield other


async def feed_cursor(agent: Client) -> str:
    cursor: str = (await agent.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    return cursor


async def send(agent: Client, content: str) -> None:
    await agent.make("addMessage", "message", conversationId=CONVERSATION, role="ASSISTANT", content=content)
