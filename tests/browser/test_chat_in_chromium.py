"""The chat page in a real browser: conversations and messages are live, and each is shown once, whatever is cut."""

import asyncpg
import pytest

from tests.browser.chat_page import (
    PROBLEM,
    STATE,
    TEXTS,
    append,
    card,
    cut,
    new_conversation,
    propose,
    sent,
    shows,
    start,
    status,
    visit,
    write,
)
from tests.browser.chromium import Page
from tests.kit.database import Database
from tests.kit.network.line import line_to
from tests.kit.serving import Client, Serving

TITLES = "[...document.querySelectorAll('#inbox .title')].map((each) => each.textContent)"


async def test_signing_in_shows_the_conversations(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    titles = await page.evaluate(TITLES)
    assert titles[0] == "Plan the release of Parley"
    assert "Why is my query slow?" in titles
    assert await page.evaluate("document.querySelector('#inbox .badge').textContent") == "2 to approve"


async def test_a_conversation_is_created_and_a_message_sent(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url)
    await page.evaluate("document.forms.create.title.value = 'A new one'; document.forms.create.requestSubmit()")
    await page.until("document.querySelector('#title').textContent === 'A new one'")
    await write(page, "First")
    await write(page, "Second\nin two lines")
    await shows(page, "First", "Second\nin two lines")
    await sent(page)
    id = (await page.evaluate("location.hash"))[1:]
    stored = await agent.data(f'{{ conversation(id: "{id}") {{ messages {{ nodes {{ role content }} }} }} }}')
    assert [(each["role"], each["content"]) for each in stored["conversation"]["messages"]["nodes"]] == [
        ("USER", "First"),
        ("USER", "Second\nin two lines"),
    ]


async def test_list_follows_other_devices(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url)
    first = await new_conversation(agent, "Made elsewhere")
    await page.until(f"{TITLES}[1] === 'Made elsewhere'")  # after the pinned one
    second = await new_conversation(agent, "Made later")
    await page.until(f"{TITLES}[1] === 'Made later'")
    await agent.make("addMessage", "message", conversationId=first, role="ASSISTANT", content="Hello")
    await page.until(f"{TITLES}[1] === 'Made elsewhere' && {TITLES}[2] === 'Made later'")
    await agent.make("updateConversation", "conversation", id=first, title="Renamed")
    await page.until(f"{TITLES}[1] === 'Renamed'")
    await propose(agent, second, "read_file")
    await page.until("document.querySelectorAll('#inbox .badge').length > 1")
    await agent.make("deleteConversation", "conversation", id=second)
    await page.until(f"!{TITLES}.includes('Made later')")


async def test_streamed_answer_grows(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Streamed")
    await visit(page, serving.url, conversation)
    id = await start(agent, conversation)
    await page.until(f"{TEXTS}.length === 1")
    length = await append(agent, id, 0, "It grows 🌱 ")
    await shows(page, "It grows 🌱 ")
    message = "document.querySelector('#log .message')"
    assert await page.evaluate(f"[{message}.dataset.status, {message}.ariaBusy]") == ["STREAMING", "true"]
    length = await append(agent, id, length, "piece ")
    await shows(page, "It grows 🌱 piece ")
    await append(agent, id, length, "by piece.")
    await agent.make("finishMessage", "message", id=id, tokenCount=7)
    await page.until(f"{message}.dataset.status === 'COMPLETE' && {message}.ariaBusy === 'false'")
    await shows(page, "It grows 🌱 piece by piece.")


async def test_answer_that_has_begun_is_shown_from_its_beginning(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Begun")
    id = await start(agent, conversation)
    length = await append(agent, id, 0, "Early 🌅, ")
    await visit(page, serving.url, conversation)
    await append(agent, id, length, "late.")
    await shows(page, "Early 🌅, late.")


@pytest.mark.parametrize("finished", [False, True], ids=["streaming", "finished"])
async def test_after_a_cut_nothing_is_lost_or_doubled(
    page: Page, serving: Serving, agent: Client, finished: bool
) -> None:
    conversation = await new_conversation(agent, "Cut off")
    async with line_to(serving.url) as line:
        await visit(page, line.url, conversation)
        id = await start(agent, conversation)
        length = await append(agent, id, 0, "Before, ")
        await shows(page, "Before, ")
        await cut(line, page)
        length = await append(agent, id, length, "during 🚇, ")
        if finished:
            await agent.make("finishMessage", "message", id=id)
        await agent.make("addMessage", "message", conversationId=conversation, role="USER", content="Still there?")
        await propose(agent, conversation, "look_up")
        await line.refused.wait()
        assert await page.evaluate(TEXTS) == ["Before, "]
        line.mend()
        await shows(page, "Before, during 🚇, ", "Still there?")
        await page.until(f"{STATE} === 'live' && {status('look_up')} === 'waits for approval'")
        if not finished:
            await append(agent, id, length, "after.")
            await agent.make("finishMessage", "message", id=id)
            await shows(page, "Before, during 🚇, after.", "Still there?")
        await agent.make("addMessage", "message", conversationId=conversation, role="USER", content="Good.")
        await page.until(f"{TEXTS}.at(-1) === 'Good.'")
        assert len(await page.evaluate(TEXTS)) == 3
        assert await page.evaluate("document.querySelectorAll('#log .tool').length") == 1


async def test_connection_that_only_looks_alive_is_replaced(page: Page, serving: Serving, agent: Client) -> None:
    """As after a change of network, of which neither side hears."""
    hasten = "const later = setTimeout; window.setTimeout = (act, wait) => later(act, wait < 4000 ? wait : wait / 20)"
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=hasten)
    conversation = await new_conversation(agent, "Looks alive")
    await visit(page, serving.url, conversation)
    await page.evaluate("sockets.at(-1).onmessage = () => {}")
    await agent.make("addMessage", "message", conversationId=conversation, role="ASSISTANT", content="Into the void?")
    await shows(page, "Into the void?")
    assert await page.evaluate("sockets.length") > 1


async def test_message_that_is_sent_during_a_cut_arrives_once(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Sent into a cut")
    async with line_to(serving.url) as line:
        await visit(page, line.url, conversation)
        await cut(line, page)
        await write(page, "Am I heard?")
        await shows(page, "Am I heard?")
        assert await page.evaluate("document.querySelector('#log .message').dataset.status") == "SENDING"
        line.mend()
        await page.until("document.querySelector('#log .message').dataset.status === 'COMPLETE'")
        await shows(page, "Am I heard?")
    stored = await agent.data(f'{{ conversation(id: "{conversation}") {{ messageCount }} }}')
    assert stored["conversation"]["messageCount"] == 1


async def test_page_reads_anew_when_its_cursor_is_refused(
    page: Page, serving: Serving, agent: Client, database: Database
) -> None:
    """As after a backup was restored."""
    conversation = await new_conversation(agent, "Restored")
    async with line_to(serving.url) as line:
        await visit(page, line.url, conversation)
        await write(page, "Before")
        await sent(page)
        await shows(page, "Before")
        await cut(line, page)
        owner = await asyncpg.connect(database.owner_url)
        try:
            await owner.execute("SET search_path = parley; SELECT raise_epoch()")
        finally:
            await owner.close()
        await agent.make("addMessage", "message", conversationId=conversation, role="ASSISTANT", content="Meanwhile")
        line.mend()
        await shows(page, "Before", "Meanwhile")
        await agent.make("addMessage", "message", conversationId=conversation, role="ASSISTANT", content="After")
        await shows(page, "Before", "Meanwhile", "After")
        assert await page.evaluate(PROBLEM) == ""


async def test_earlier_messages_come_on_demand(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Long")
    early = await propose(agent, conversation, "very_early")
    await agent.make("cancelToolExecution", "toolExecution", id=early)  # what waits is shown from the start
    for start_at in 0, 60:
        items = [
            {"conversationId": conversation, "role": "USER", "content": f"Message {number}"}
            for number in range(start_at, start_at + 60)
        ]
        await agent.mutate("addMessages", items=items)
    await propose(agent, conversation, "late")
    await visit(page, serving.url, conversation)
    await shows(page, *(f"Message {number}" for number in range(70, 120)))
    assert await page.evaluate(f"Boolean({card('late')}) && !{card('very_early')}")
    for first in 20, 0:
        await page.evaluate("document.querySelector('#earlier').click()")
        await shows(page, *(f"Message {number}" for number in range(first, 120)))
    await page.until("document.querySelector('#earlier').hidden")
    order = await page.evaluate("[...document.querySelectorAll('#log article')].map((each) => each.innerText)")
    assert "very_early" in order[0]
    assert "late" in order[-1]
