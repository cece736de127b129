"""The chat page in a real browser: what it says about cost and presence, and that it is safe, small and accessible."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from graphql import build_schema, parse, validate

from tests.browser.chat_page import (
    PROBLEM,
    RELEASE,
    TEXTS,
    append,
    decide,
    new_conversation,
    open_conversation,
    propose,
    shows,
    start,
    status,
    visit,
    write,
)
from tests.browser.chromium import Page
from tests.browser.graphiql_page import another_window
from tests.kit.serving import Client, Serving

ROOT = Path(__file__).parents[2]
HOSTILE = "<img src=x onerror=\"document.title = 'taken'\"><script>document.title = 'taken'</script>"


async def test_cost_of_the_conversation_is_live(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Costly")
    await visit(page, serving.url, conversation)
    cost = "document.querySelector('#budget').innerText"
    assert "This conversation: $0.00, 0 tokens" in await page.evaluate(cost)
    call: dict[str, Any] = {"provider": "openai", "model": "gpt-4o-mini", "inputTokens": 1000, "outputTokens": 234}
    await agent.mutate("recordUsage", conversationId=conversation, costUsd="0.0123", **call)
    await page.until(f"{cost}.includes('This conversation: $0.0123, 1,234 tokens')")


async def test_what_remains_of_a_quota_is_live(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Within a budget")
    await visit(page, serving.url, conversation)
    quota = {"unit": "USD", "period": "TOTAL", "mode": "HARD", "limit": "2", "model": "of-the-quota"}
    made = await agent.make("createUsageQuota", "usageQuota", **quota)
    budget = "document.querySelector('#budget').innerText"
    await page.until(f"{budget}.includes('$2.00 of $2.00 left (total, hard)')")
    call = {"provider": "openai", "model": "of-the-quota"}
    held = await agent.make("reserveUsage", "usageReservation", estimatedCostUsd="0.75", **call)
    await page.until(f"{budget}.includes('$1.25 of $2.00 left')")
    await agent.make("recordUsage", "usageLog", id=held["id"], costUsd="0.5", **call)
    await page.until(f"{budget}.includes('$1.50 of $2.00 left')")
    assert await page.evaluate("document.querySelector('#budget meter').value") == 0.5
    await agent.make("deleteUsageQuota", "usageQuota", id=made["id"])
    await page.until(f"!{budget}.includes('left')")


async def test_presence_of_another_device(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Together")
    account = {"email": "demo@parley.example", "password": "correct horse battery", "deviceName": "Laptop"}
    laptop = serving.anonymous()
    laptop.token = (await laptop.mutate("signIn", "accessToken", **account))["accessToken"]
    await visit(page, serving.url, conversation)
    here = "document.querySelector('#presence').textContent"
    await laptop.mutate("signalPresence", conversationId=conversation, state="TYPING")
    await page.until(f"{here} === 'Also here: Laptop (typing…)'")
    await laptop.mutate("signalPresence", conversationId=conversation, state="AWAY")
    await page.until(f"{here} === ''")


async def test_own_presence_is_signalled(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Seen")
    async with agent.socket() as socket:
        operation = "subscription($id: ID!) { presence(conversationId: $id) { devices { deviceName state } } }"
        lists = await socket.subscribe(operation, id=conversation)
        assert (await anext(lists))["presence"]["devices"] == []
        await visit(page, serving.url, conversation)
        assert (await anext(lists))["presence"]["devices"] == [{"deviceName": "Chat page", "state": "LOOKING"}]
        await page.evaluate("document.forms.composer.content.dispatchEvent(new Event('input'))")
        assert (await anext(lists))["presence"]["devices"] == [{"deviceName": "Chat page", "state": "TYPING"}]
        await open_conversation(page, RELEASE)
        assert (await anext(lists))["presence"]["devices"] == []


async def test_what_is_written_is_never_markup(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, HOSTILE)
    await agent.make("addMessage", "message", conversationId=conversation, role="ASSISTANT", content=HOSTILE)
    await visit(page, serving.url, conversation)
    id = await start(agent, conversation)
    await append(agent, id, 0, HOSTILE)
    await shows(page, HOSTILE, HOSTILE)
    tool = await agent.make(
        *("proposeToolExecution", "toolExecution"),
        conversationId=conversation, toolName="<b>tool</b>", parameters={HOSTILE: [HOSTILE]},
    )  # fmt: skip
    await decide(page, "<b>tool</b>", "Approve", HOSTILE)
    await page.until(f"{status('<b>tool</b>')} === 'approved'")
    await agent.make("startToolExecution", "toolExecution", id=tool["id"])
    await agent.make("failToolExecution", "toolExecution", id=tool["id"], errorMessage=HOSTILE, result=HOSTILE)
    await page.until(f"{status('<b>tool</b>')} === 'failed'")
    assert await page.evaluate("document.querySelectorAll('#chat :is(img, script, b)').length") == 0
    assert await page.evaluate("document.title") == "Parley · Chat"
    refused = "try { document.body.innerHTML = '<b>'; 'set' } catch ({ name }) { name }"
    assert await page.evaluate(refused) == "TypeError"


async def test_nothing_breaks_the_policy_or_asks_another_host(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url, RELEASE)
    await write(page, "Hello")
    await page.until(f"{TEXTS}.at(-1) === 'Hello'")
    hosts = {urlsplit(url).netloc for url in page.requests if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(serving.url).netloc}
    assert page.complaints == []


async def test_unknown_conversation_is_said(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await page.evaluate("location.hash = '01980000-0000-7000-8000-00000000dead'")
    await page.until(f"{PROBLEM} === 'There is no such conversation.'")


async def test_signing_out_removes_everything_in_every_window(page: Page, serving: Serving) -> None:
    await visit(page, serving.url, RELEASE)
    async with another_window(page) as other:
        await other.call("Page.navigate", url=f"{serving.url}/chat#{RELEASE}")
        await other.until("document.querySelector('#title').textContent && !document.forms['signed-in'].hidden")
        await other.evaluate("document.forms['signed-in'].requestSubmit()")
        for window in page, other:
            await window.until("document.querySelector('#chat').hidden && !document.forms['sign-in'].hidden")
            assert await window.evaluate("document.querySelectorAll('#log article, #inbox li').length") == 0


async def test_session_that_is_ended_elsewhere_leads_to_signing_in(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url, RELEASE)
    sessions = (await agent.data("{ viewer { sessions { nodes { id deviceName isCurrent } } } }"))["viewer"]["sessions"]
    for each in sessions["nodes"]:
        if each["deviceName"] == "Chat page":
            await agent.mutate("signOut", sessionId=each["id"])
    await page.until("document.querySelector('#chat').hidden && !document.forms['sign-in'].hidden")


async def test_documents_fit_the_schema(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    source = "document.querySelector('script[type=module]').src.replace('page.js', 'documents.js')"
    exported = await page.evaluate(f"import({source}).then((module) => ({{ ...module }}))")
    schema = build_schema((ROOT / "schema.graphql").read_text("utf-8"))
    documents = {name: text for name, text in exported.items() if isinstance(text, str)}
    assert len(documents) > 10
    assert [(name, found) for name, text in documents.items() if (found := validate(schema, parse(text)))] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 360])
async def test_page_fits(page: Page, serving: Serving, agent: Client, tmp_path: Path, width: int, dark: bool) -> None:
    async def fits(name: str) -> None:
        (tmp_path / f"{name}.png").write_bytes(await page.screenshot(width, 800, dark))
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate("document.documentElement.scrollHeight") <= 800

    await page.call("Page.navigate", url=f"{serving.url}/chat")
    await page.until("!document.querySelector('#welcome').hidden")
    await fits("signed-out")
    await visit(page, serving.url)
    await fits("inbox")
    conversation = await new_conversation(agent, "A title of one long-word-" + "x" * 100)
    await agent.make("addMessage", "message", conversationId=conversation, role="USER", content="y" * 300)
    await propose(agent, conversation, "z" * 100, path="w" * 300)
    await open_conversation(page, conversation)
    await page.until("document.querySelector('#log .tool')")
    await fits("thread")


async def test_every_control_has_a_name(page: Page, serving: Serving) -> None:
    await visit(page, serving.url, RELEASE)
    await page.until("document.querySelector('#log .tool')")
    await page.call("Accessibility.enable")
    nodes = (await page.call("Accessibility.getFullAXTree"))["nodes"]
    controls = {"button", "textbox", "link", "navigation", "log", "main"}
    named = [
        (node["role"]["value"], node["name"]["value"])
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in controls - {"main"}
    ]
    assert {role for role, _ in named} == controls - {"main"}
    assert [role for role, name in named if not name] == []
