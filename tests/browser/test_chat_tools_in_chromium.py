"""Tool calls on the chat page, in a real browser: a person decides on a card while an agent waits."""

from tests.browser.chat_page import (
    TOOLS,
    card,
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
