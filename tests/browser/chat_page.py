"""What a person does and sees on the chat page."""

import json
from typing import Any

from tests.browser.chromium import Page
from tests.kit.network.line import Line
from tests.kit.serving import Client

RELEASE = "01980000-0000-7000-8000-000000000001"
MESSAGES = "[...document.querySelectorAll('#log .message')]"
TEXTS = f"{MESSAGES}.map((each) => each.querySelector('p').textContent)"
TOOLS = "[...document.querySelectorAll('#log .tool')]"
STATE = "document.querySelector('#state').textContent"
PROBLEM = "document.querySelector('#problem').textContent"


async def visit(page: Page, url: str, conversation: str = "") -> None:
    """Open the page, sign in with the demo account unless somebody is signed in, and open a conversation."""
    await page.call("Page.navigate", url=f"{url}/chat")
    await page.until("document.forms['sign-in'].email.value")
    # A second sign-in would end some time later, and clear the message that the page shows.
    await page.evaluate("document.forms['sign-in'].hidden || document.forms['sign-in'].requestSubmit()")
    await page.until(f"{STATE} === 'live' && document.querySelectorAll('#inbox li').length > 1")
    if conversation:
        await open_conversation(page, conversation)


async def open_conversation(page: Page, id: str) -> None:
    await page.evaluate(f"location.hash = '{id}'")
    await page.until("document.querySelector('#title').textContent && document.querySelector('#budget').textContent")


async def write(page: Page, content: str) -> None:
    await page.evaluate(f"document.forms.composer.content.value = {json.dumps(content)}")
    await page.evaluate("document.forms.composer.requestSubmit()")


async def sent(page: Page) -> None:
    await page.until(f"{MESSAGES}.every((each) => each.dataset.status !== 'SENDING')")


async def shows(page: Page, *contents: str) -> None:
    """Wait until exactly these messages are shown, in this order."""
    await page.until(f"JSON.stringify({TEXTS}) === JSON.stringify({json.dumps(contents)})")


def card(tool: str) -> str:
    return f"{TOOLS}.find((each) => each.querySelector('code').textContent === '{tool}')"


def status(tool: str) -> str:
    return f"{card(tool)}.querySelector('.status').textContent"


def button(tool: str, text: str) -> str:
    return f"[...{card(tool)}.querySelectorAll('.decision:not([hidden]) button')].find((b) => b.innerText === '{text}')"


def clicked(tool: str, text: str) -> str:
    """Click on a button of a card; true if this decides."""
    return f"({button(tool, text)}.click(), {card(tool)}.querySelector('.decision').ariaBusy === 'true')"


async def decide(page: Page, tool: str, text: str, reason: str = "") -> None:
    """Decide as soon as the card has stood still for long enough."""
    await page.until(f"{button(tool, text)}")
    await page.evaluate(f"{card(tool)}.querySelector('input').value = {json.dumps(reason)}")
    await page.until(clicked(tool, text))


async def new_conversation(agent: Client, title: str) -> str:
    id: str = (await agent.make("createConversation", "conversation", title=title))["id"]
    return id


async def start(agent: Client, conversation: str) -> str:
    """Start a message that is written in pieces."""
    id: str = (await agent.make("startMessage", "message", conversationId=conversation))["id"]
    return id


async def append(agent: Client, id: str, offset: int, text: str) -> int:
    """Append to a message that is being written, and return its length."""
    appended: dict[str, Any] = await agent.mutate("appendMessage", "length", id=id, offset=offset, text=text)
    assert appended["userErrors"] == []
    length: int = appended["length"]
    return length


async def propose(agent: Client, conversation: str, tool: str, **parameters: Any) -> str:
    made = await agent.make(
        "proposeToolExecution", "toolExecution", conversationId=conversation, toolName=tool, parameters=parameters
    )
    id: str = made["id"]
    return id


async def cut(line: Line, page: Page) -> None:
    line.cut()
    await page.until(f"{STATE} === 'reconnecting…'")
