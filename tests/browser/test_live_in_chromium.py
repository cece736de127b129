"""The subscriptions of GraphiQL's page, in a real browser: they go on beside tabs and windows until stopped."""

import datetime
import json

from tests.browser.chromium import Page
from tests.browser.graphiql_page import (
    ALL_CLOSED,
    EVENTS,
    RESPONSE,
    STATES,
    another_window,
    choose_tab,
    feed_cursor,
    listed,
    run,
    send,
    sign_in,
    visit,
    watch,
)
from tests.kit.serving import Client, Serving


async def test_subscription_goes_on_from_its_last_event(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    start = await feed_cursor(agent)
    await watch(page, start)
    await send(agent, "before the break")
    seen = (await listed(page, "before the break"))["messageAdded"]["cursor"]

    await page.evaluate("sockets.at(-1).close(4000)")
    await send(agent, "during the break")
    await listed(page, "during the break")
    asked = [frame["payload"]["variables"]["after"] for frame in page.frames_sent if frame["type"] == "subscribe"]
    assert asked == [start, seen]


async def test_subscription_goes_on_while_another_tab_runs(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await watch(page, await feed_cursor(agent))
    await page.until(f"{STATES}.join() === 'listening'")
    await choose_tab(page, "Send")
    await run(page)
    await page.until(f"{RESPONSE}.includes('userErrors')")
    await listed(page, "Hello from GraphiQL")
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until(f"{RESPONSE}.includes('totalCount')")
    await send(agent, "after both")
    await listed(page, "after both")
    assert await page.evaluate(STATES) == ["listening"]


async def test_each_event_is_listed_with_its_time_the_newest_first(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await watch(page, await feed_cursor(agent))
    for content in "first", "second":
        await send(agent, content)
        await listed(page, content)
    events = await page.evaluate(f"{EVENTS}.map((item) => item.querySelector('code').textContent)")
    assert [json.loads(event)["messageAdded"]["message"]["content"] for event in events] == ["second", "first"]
    times = await page.evaluate(f"{EVENTS}.map((item) => item.querySelector('time').dateTime)")
    assert times == sorted(times, reverse=True)
    assert [datetime.datetime.fromisoformat(time).year for time in times] == [datetime.date.today().year] * 2
    assert await page.evaluate("document.querySelector('#live .count').textContent") == "2 events"


async def test_subscription_says_whether_it_listens_or_reconnects(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url)
    await page.evaluate("""
        window.said = [];
        new MutationObserver(() => {
          const state = document.querySelector('#live .state')?.textContent;
          if (state && state !== said.at(-1)) said.push(state);
        }).observe(document.querySelector('#live'), { subtree: true, childList: true, characterData: true });
    """)
    await sign_in(page)
    await watch(page, await feed_cursor(agent))
    await page.until("said.at(-1) === 'listening'")
    await page.evaluate("sockets.at(-1).close(4000)")
    await page.until("said.at(-2) === 'reconnecting' && said.at(-1) === 'listening'")
    assert await page.evaluate("said") == ["connecting", "listening", "reconnecting", "listening"]


async def test_subscription_is_stopped_by_hand_and_closed(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await watch(page, await feed_cursor(agent))
    await page.until(f"{STATES}.join() === 'listening'")
    await page.evaluate("document.querySelector('#live button').click()")
    await page.until(f"{STATES}.join() === 'stopped' && {ALL_CLOSED}")
    await page.evaluate("document.querySelector('#live button').click()")
    await page.until("document.querySelector('#live').hidden")


async def test_a_refused_subscription_says_why(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await watch(page, "1.999999")
    await page.until(f"{STATES}[0].startsWith('failed: ')")


async def test_signing_out_stops_subscriptions_at_once_in_every_window(
    page: Page, serving: Serving, agent: Client
) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await watch(page, await feed_cursor(agent))
    await page.until(f"{STATES}.join() === 'listening'")
    async with another_window(page) as other:
        await visit(other, serving.url)
        await watch(other, await feed_cursor(agent))
        await other.until(f"{STATES}.join() === 'listening'")
        await other.evaluate("document.forms['signed-in'].requestSubmit()")
        for window in page, other:
            await window.until(f"{STATES}.join() === 'stopped: signed out' && {ALL_CLOSED}")
            await window.until("!document.forms['sign-in'].hidden")
