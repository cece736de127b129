"""The chat page, used in a real browser while an agent works: what is written is shown live, once, and as text."""

from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from graphql import build_schema, parse, validate

from tests.browser.chat_page import (
    PROBLEM,
    RELEASE,
    STATE,
    TEXTS,
    append,
    card,
    decide,
    new_conversation,
    open_conversation,
    propose,
    sent,
    shows,
    start,
    status,
    visit,
    write,
)
from tests.browser.chromium import Page
from tests.browser.graphiql_page import another_window
from tests.kit.database import Database
from tests.kit.network.line import Line, line_to
from tests.kit.serving import Client, Serving

ROOT = Path(__file__).parents[2]
TITLES = "[...document.querySelectorAll('#inbox .title')].map((each) => each.textContent)"
HOSTILE = "<img src=x onerror=\"document.title = 'taken'\"><script>document.title = 'taken'</script>"


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


async def cut(line: Line, page: Page) -> None:
    line.cut()
    await page.until(f"{STATE} === 'reconnecting…'")


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


async def test_tool_is_approved_on_its_card_and_seen_to_complete(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Approved")
    await visit(page, serving.url, conversation)
    id = await propose(agent, conversation, "read_file", path="README.md")
    await page.until(f"{status('read_file')} === 'waits for approval'")
    assert '{"path":"README.md"}' in await page.evaluate(f"{card('read_file')}.innerText")
    await decide(page, "read_file", "Approve", "It only reads.")
    await page.until(f"{status('read_file')} === 'approved'")
    assert await page.evaluate(f"{card('read_file')}.querySelector('.decision').hidden")
    await agent.make("startToolExecution", "toolExecution", id=id)
    await page.until(f"{status('read_file')} === 'running…'")
    await agent.make("completeToolExecution", "toolExecution", id=id, result={"lines": 42}, costUsd="0.01")
    await page.until(f"{status('read_file')} === 'completed'")
    text = await page.evaluate(f"{card('read_file')}.innerText")
    assert '{"lines":42}' in text
    assert "Cost: $0.01" in text
    moves = await agent.data(f'{{ toolExecution(id: "{id}") {{ transitions {{ to reason }} }} }}')
    assert moves["toolExecution"]["transitions"][1] == {"to": "APPROVED", "reason": "It only reads."}


async def test_tool_is_refused_with_a_reason(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Refused")
    await visit(page, serving.url, conversation)
    id = await propose(agent, conversation, "delete_branch", branch="main")
    await decide(page, "delete_branch", "Refuse", "Certainly not.")
    await page.until(f"{status('delete_branch')} === 'refused'")
    assert "You: Certainly not." in await page.evaluate(f"{card('delete_branch')}.innerText")
    moves = await agent.data(f'{{ toolExecution(id: "{id}") {{ status transitions {{ reason }} }} }}')
    assert moves["toolExecution"] == {
        "status": "CANCELLED",
        "transitions": [{"reason": None}, {"reason": "Certainly not."}],
    }


async def test_enter_in_the_reason_decides_nothing(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Enter")
    await visit(page, serving.url, conversation)
    id = await propose(agent, conversation, "publish")
    await page.until(card("publish"))
    await page.evaluate(f"{card('publish')}.querySelector('input').focus()")
    for kind in "keyDown", "keyUp":
        await page.call(
            "Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r"
        )
    await write(page, "Not yet.")
    await shows(page, "Not yet.")
    await sent(page)
    assert (await agent.data(f'{{ toolExecution(id: "{id}") {{ status }} }}'))["toolExecution"]["status"] == "PENDING"


async def test_decision_that_another_device_made_first_is_said(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Two deciders")
    async with line_to(serving.url) as line:
        await visit(page, line.url, conversation)
        id = await propose(agent, conversation, "publish")
        await page.until(card("publish"))
        await cut(line, page)
        await agent.make("cancelToolExecution", "toolExecution", id=id, reason="Too early.")
        await decide(page, "publish", "Approve")
        line.mend()
        await page.until(f"{status('publish')} === 'refused'")
        await page.until(f"{card('publish')}.querySelector('.problem').textContent.length > 10")
    assert (await agent.data(f'{{ toolExecution(id: "{id}") {{ status }} }}'))["toolExecution"]["status"] == "CANCELLED"


async def test_cost_of_the_conversation_is_live(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Costly")
    await visit(page, serving.url, conversation)
    cost = "document.querySelector('#budget').innerText"
    assert "This conversation: $0.00, 0 tokens" in await page.evaluate(cost)
    usage = {
        "provider": "openai",
        "model": "gpt-4o-mini",
        "inputTokens": 1000,
        "outputTokens": 234,
        "costUsd": "0.0123",
    }
    await agent.make("recordUsage", "usageLog", conversationId=conversation, **usage)
    await page.until(f"{cost}.includes('This conversation: $0.0123, 1,234 tokens')")


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


async def test_earlier_messages_come_on_demand(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Long")
    await propose(agent, conversation, "very_early")
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
