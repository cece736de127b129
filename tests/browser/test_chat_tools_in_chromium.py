"""Tool calls on the chat page, in a real browser: a person decides on a card while an agent waits."""

import json

import pytest

from tests.browser.chat_page import (
    TOOLS,
    button,
    card,
    clicked,
    cut,
    decide,
    new_conversation,
    propose,
    sent,
    shows,
    status,
    visit,
    write,
)
from tests.browser.chromium import Page
from tests.kit.network.line import line_to
from tests.kit.serving import Client, Serving


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


CLOCK = "window.clock = 0; performance.now = () => clock;"
"""A clock that only the test moves on."""


HIDDEN = "Object.defineProperty(document, 'hidden', { value: true, configurable: true })"


def stood_still(tool: str) -> str:
    """True once the buttons of a card work; the clock goes on until then."""
    return f"(clock += 100, !{button(tool, 'Approve')}.disabled)"


async def waiting_call(page: Page, serving: Serving, agent: Client) -> tuple[str, str, dict[str, float]]:
    """Show a long conversation whose last entry is a call with working buttons, and stop the clock.

    Returns the conversation, the call, and the place of its button.
    """
    await page.call("Page.addScriptToEvaluateOnNewDocument", source=CLOCK)
    conversation = await new_conversation(agent, "In haste")
    for _ in range(8):
        text = "line\n" * 8
        await agent.make("addMessage", "message", conversationId=conversation, role="ASSISTANT", content=text)
    first = await propose(agent, conversation, "first")
    await visit(page, serving.url, conversation)
    await page.until(stood_still("first"))
    box = "(({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 }))"
    return conversation, first, await page.evaluate(f"{box}({button('first', 'Approve')}.getBoundingClientRect())")


async def click(page: Page, place: dict[str, float]) -> None:
    for kind in "mousePressed", "mouseReleased":
        await page.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)


async def statuses(agent: Client, *ids: str) -> list[str]:
    return [
        (await agent.data(f'{{ toolExecution(id: "{id}") {{ status }} }}'))["toolExecution"]["status"] for id in ids
    ]


def at(place: dict[str, float]) -> str:
    return f"document.elementFromPoint({place['x']}, {place['y']}).closest('.tool').querySelector('code').textContent"


async def test_click_that_was_meant_for_another_card_decides_nothing(
    page: Page, serving: Serving, agent: Client
) -> None:
    conversation, first, place = await waiting_call(page, serving, agent)
    second = await propose(agent, conversation, "second")
    await page.until(f"{at(place)} === 'second'")
    await click(page, place)
    for change in "document.querySelector('#log').scrollTop -= 30", HIDDEN:
        await page.until(stood_still("second"))
        assert not await page.evaluate(f"{change}; {clicked('second', 'Approve')}")
    await page.evaluate("delete document.hidden")
    await page.until(f"clock += 100, {clicked('first', 'Refuse')}")
    await page.until(f"{status('first')} === 'refused'")
    assert await statuses(agent, first, second) == ["CANCELLED", "PENDING"]


@pytest.mark.parametrize("present", ["pointer", "focus"])
async def test_card_stays_where_it_is_while_a_person_is_at_it(
    page: Page, serving: Serving, agent: Client, present: str
) -> None:
    conversation, first, place = await waiting_call(page, serving, agent)
    if present == "pointer":
        await page.call("Input.dispatchMouseEvent", type="mouseMoved", **place)
    else:
        await page.evaluate(f"{card('first')}.querySelector('input').focus()")
    second = await propose(agent, conversation, "second")
    await page.until(card("second"))
    assert await page.evaluate(at(place)) == "first"
    await click(page, place)
    await page.until(f"{status('first')} === 'approved'")
    assert await statuses(agent, first, second) == ["APPROVED", "PENDING"]


NUMBERS = ["9007199254740993", "18446744073709551615", "-9223372036854775807", "1.5", "1.0", "7"]


@pytest.mark.parametrize("comes", ["before", "after"])
async def test_numbers_are_shown_as_they_will_run(page: Page, serving: Serving, agent: Client, comes: str) -> None:
    conversation = await new_conversation(agent, "Numbers")
    if comes == "after":
        await visit(page, serving.url, conversation)
    await propose(agent, conversation, "pay", **{f"n{at}": json.loads(each) for at, each in enumerate(NUMBERS)})
    if comes == "before":
        await visit(page, serving.url, conversation)
    await page.until(card("pay"))
    text = await page.evaluate(f"{card('pay')}.querySelector('pre').textContent")
    assert [line.split(": ")[1].rstrip(",") for line in text.splitlines()[1:-1]] == NUMBERS


async def test_browser_that_cannot_keep_a_number_marks_it(page: Page, serving: Serving, agent: Client) -> None:
    await page.call("Page.addScriptToEvaluateOnNewDocument", source="delete JSON.rawJSON")
    conversation = await new_conversation(agent, "Old browser")
    await visit(page, serving.url, conversation)
    await propose(agent, conversation, "pay", account=9007199254740993, the_amount=7)
    await page.until(card("pay"))
    text = await page.evaluate(f"{card('pay')}.querySelector('pre').textContent")
    assert text == '{"account":"about 9007199254740992","the_amount":7}'


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


async def test_card_shows_risk_estimate_and_what_a_rule_decided(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "By rule")
    await visit(page, serving.url, conversation)
    await agent.make("suggestToolRisk", "knownTool", toolName="list_files", risk="READ_ONLY")
    await propose(agent, conversation, "list_files")
    await decide(page, "list_files", "Approve")  # from now on, the tool is not new
    await page.until(f"{card('list_files')}.innerText.includes('Approved by a person')")
    text = await page.evaluate(f"{card('list_files')}.innerText")
    assert "Risk: high (the agent suggests read only)" in text
    rule = {"conversationId": conversation, "toolName": "list_files", "effect": "ALLOW", "note": "Listing is harmless."}
    await agent.mutate("createAutoApprovalRule", **rule)
    proposal = {"conversationId": conversation, "toolName": "list_files", "estimatedCostUsd": "0.5"}
    await agent.mutate("proposeToolExecution", **proposal)
    await page.until(f"{TOOLS}.length === 2 && {TOOLS}[1].querySelector('.status').textContent === 'approved'")
    text = await page.evaluate(f"{TOOLS}[1].innerText")
    assert "Estimated cost: $0.5" in text
    assert "Approved by a rule" in text
    assert "Rule: list_files Listing is harmless." in text
    assert await page.evaluate(f"{TOOLS}[1].querySelector('.decision').hidden")


async def test_card_shows_what_a_rule_denied(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Denied")
    rule = {"conversationId": conversation, "toolName": "rm*", "effect": "DENY"}
    await agent.mutate("createAutoApprovalRule", **rule)
    await visit(page, serving.url, conversation)
    await propose(agent, conversation, "rm_all")
    await page.until(f"{status('rm_all')} === 'cancelled'")
    assert "Denied by a rule" in await page.evaluate(f"{card('rm_all')}.innerText")


UNSEEN = "\u202e\u2066\u00a0\u2003\u2800\u3164\u00ad\u200d\U000e0041\x07\u0301\u0338\u20e4\u0488"
"""A mark that reverses, one that isolates, spaces, fillers, a soft hyphen, a joiner, a tag, a control, an accent on no
letter, and marks that cross out and enclose."""


@pytest.mark.parametrize("width", [1280, 360])
async def test_all_arguments_are_in_sight(page: Page, serving: Serving, agent: Client, width: int) -> None:
    conversation = await new_conversation(agent, "Long")
    await page.screenshot(width, 800, dark=False)  # sets the size of the window
    await visit(page, serving.url, conversation)
    tail = "; rm -rf /"
    await propose(
        agent, conversation, "shell", lines=["x"] * 50, word="w" * 3000, command="echo ok" + " " * 4000 + tail
    )
    await page.until(card("shell"))
    in_sight = f"""(() => {{
        const [pre, range, log] = [{card("shell")}.querySelector("pre"), new Range(), document.querySelector("#log")];
        const end = pre.textContent.lastIndexOf({json.dumps(tail)});
        range.setStart(pre.firstChild, end);
        range.setEnd(pre.firstChild, end + {len(tail)});
        const [text, box] = [range.getBoundingClientRect(), pre.getBoundingClientRect()];
        const isBeside = text.width > 0 && text.left >= box.left && text.right <= box.right;
        return isBeside && text.bottom <= box.bottom && log.scrollWidth <= log.clientWidth;
    }})()"""
    assert await page.evaluate(in_sight)
    label = await page.evaluate(f"{card('shell')}.querySelector('pre').ariaLabel")
    assert label.startswith("Arguments (7,")
    assert label.endswith(" characters)")
    await decide(page, "shell", "Refuse")
    await page.until(f"{card('shell')}.querySelector('pre').clientHeight < 400")


async def test_what_cannot_be_seen_is_written_out(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Unseen")
    await visit(page, serving.url, conversation)
    id = await propose(agent, conversation, f"name{UNSEEN}", **{f"key{UNSEEN}": f"value{UNSEEN}"})
    await page.until(f"{TOOLS}.length")
    await agent.make("approveToolExecution", "toolExecution", id=id, reason=f"reason{UNSEEN}")
    await agent.make("startToolExecution", "toolExecution", id=id)
    await agent.make(
        "failToolExecution", "toolExecution", id=id, errorMessage=f"error{UNSEEN}", result=f"result{UNSEEN}"
    )
    await page.until(f"{TOOLS}[0].querySelector('.status').textContent === 'failed'")
    text, html = await page.evaluate(f"[{TOOLS}[0].innerText, {TOOLS}[0].outerHTML]")
    assert [character for character in UNSEEN if character in html.replace("&nbsp;", "\u00a0")] == []
    written = json.dumps(UNSEEN)[1:-1]
    for part in "name", "key", "value", "reason", "error", "result":
        assert f"{part}{written}" in text


MARKS = {
    "nai\u0308ve क्षि ที่ tiê\u0301ng": "nai\u0308ve क्षि ที่ tiê\u0301ng",
    "A\u0301\u0302" + "\u0303" * 400: "A\u0301\u0302" + r"\u0303" * 400,
    "a\u0338=\u0338": r"a\u0338=\u0338",
    "\u0301a 1\u20e3": r"\u0301a 1\u20e3",
}
"""Texts with combining marks, and how a card shows them."""


async def test_marks_are_shown_only_where_letters_have_them(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Marks")
    await visit(page, serving.url, conversation)
    await propose(agent, conversation, "say", texts=list(MARKS))
    await page.until(card("say"))
    lines = (await page.evaluate(f"{card('say')}.querySelector('pre').textContent")).splitlines()
    assert [line.strip(' ",') for line in lines[2:-2]] == list(MARKS.values())


async def test_no_number_of_calls_hides_one_that_waits(page: Page, serving: Serving, agent: Client) -> None:
    conversation = await new_conversation(agent, "Many calls")
    rule = {"conversationId": conversation, "toolName": "harmless", "effect": "DENY"}
    await agent.mutate("createAutoApprovalRule", **rule)
    for tool in "waiting", "harmless":
        for _ in range(101):
            await propose(agent, conversation, tool)
    await visit(page, serving.url, conversation)
    names = f"{TOOLS}.map((each) => each.querySelector('code').textContent)"
    await page.until(f"{TOOLS}.length === 201")
    assert await page.evaluate(names) == ["waiting"] * 101 + ["harmless"] * 100
    await page.evaluate("document.querySelector('#earlier').click()")
    await page.until(f"{TOOLS}.length === 202")
    assert await page.evaluate(names) == ["waiting"] * 101 + ["harmless"] * 101
    await page.until("!document.querySelector('#earlier').hidden")
    await page.evaluate("document.querySelector('#earlier').click()")
    await page.until("document.querySelector('#earlier').hidden")
    await propose(agent, conversation, "latest")
    await page.until(card("latest"))
    assert await page.evaluate(f"{TOOLS}.length") == 203
