"""GraphiQL's page, used in a real browser by someone who has read nothing."""

import asyncio
import itertools
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway import demo
from gateway.auth.opaque.refresh import REFRESH
from tests.browser.chromium import Page
from tests.browser.graphiql_page import (
    EDITOR,
    EVENTS,
    HEADERS,
    RESPONSE,
    VAULT,
    another_window,
    choose_tab,
    feed_cursor,
    kept,
    listed,
    ready,
    run,
    send,
    sign_in,
    visit,
    watch,
)
from tests.kit.serving import Client, Serving


async def test_signing_in_with_the_bar_shows_the_inbox_and_the_schema(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until(f"{RESPONSE}.includes('totalCount')")
    inbox = json.loads(await page.evaluate(RESPONSE))["data"]["viewer"]["conversations"]
    assert "Plan the release of Parley" in [conversation["title"] for conversation in inbox["nodes"]]
    await page.evaluate("document.querySelector('.graphiql-sidebar button').click()")
    await page.until("document.querySelector('.graphiql-plugin').innerText.includes('Root Types')")


async def test_sign_in_tab_signs_the_page_in(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await ready(page, "SignIn")
    await run(page)
    await page.until("document.querySelector('header').innerText.includes('Signed in as demo@parley.example')")


async def test_wrong_password_is_said_in_words(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await page.evaluate("document.forms['sign-in'].password.value = 'wrong'")
    await page.evaluate("document.forms['sign-in'].requestSubmit()")
    await page.until("document.querySelector('[role=alert]').innerText.length > 10")


async def test_windows_share_who_is_signed_in(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    async with another_window(page) as other:
        await visit(other, serving.url)
        await sign_in(page)
        for window in page, other:
            await window.until("document.querySelector('#who').textContent === 'demo@parley.example'")
            await choose_tab(window, "Inbox")
            await run(window)
            await window.until(f"{RESPONSE}.includes('totalCount')")


async def test_two_windows_never_use_one_refresh_token_twice(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    async with another_window(page) as other:
        await visit(other, serving.url)
        # The gateway's tokens are so short that each request renews.
        ask = """Promise.all(Array.from({ length: 5 }, async () => {
          const { src } = document.querySelector('script[type=module]');
          const { Session } = await import(src.replace('graphiql/page.js', 'pages/session.js'));
          const session = new Session('/graphql', {});
          await session.load();
          return (await session.headers()).Authorization;
        }))"""
        given = [*await asyncio.gather(page.evaluate(ask), other.evaluate(ask))]
        used = [
            json.loads(body)["variables"]["input"]["refreshToken"]
            for body in page.bodies + other.bodies
            if "RefreshSessionInput" in body
        ]
        survivor = (await kept(page))["accessToken"]
    assert len(used) == len(set(used)) >= 10
    assert f"Bearer {survivor}" in itertools.chain.from_iterable(given)
    client = serving.anonymous()
    client.token = survivor
    assert (await client.data("{ viewer { email } }"))["viewer"]["email"] == demo.EMAIL


async def test_without_web_locks_a_window_keeps_its_session_to_itself(page: Page, serving: Serving) -> None:
    """As on a page that came over HTTP from another machine."""
    await page.call("Page.addScriptToEvaluateOnNewDocument", source="delete Navigator.prototype.locks")
    await visit(page, serving.url)
    await sign_in(page)
    before = await kept(page)
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until(f"{RESPONSE}.includes('totalCount')")
    after = await kept(page)
    assert after["accessToken"] != before["accessToken"]
    assert after["refreshToken"] not in await page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    async with another_window(page) as other:
        await visit(other, serving.url)
        assert await other.evaluate("document.forms['signed-in'].hidden")
    await visit(page, serving.url)
    await page.until("document.querySelector('#who').textContent === 'demo@parley.example'")


async def test_history_outlives_the_window_without_passwords_or_headers(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await ready(page, "SignIn")
    await run(page)
    await page.until("document.querySelector('#who').textContent")
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until(f"{RESPONSE}.includes('totalCount')")
    await page.until("localStorage['graphiql:queries']?.includes('query Inbox')")
    history = await page.evaluate("localStorage['graphiql:queries']")
    assert demo.PASSWORD not in history
    assert "headers" not in history
    async with another_window(page) as other:
        await visit(other, serving.url)
        await other.evaluate("document.querySelector('[aria-label=\"Show History\"]').click()")
        await other.until("document.querySelector('.graphiql-history-item')?.innerText.includes('Inbox')")


async def test_signed_out_every_example_says_to_sign_in_first(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    tabs = ("Inbox", "Thread", "Send", "ApproveTool", "WatchLive", "AgentToken", "ApproveByRule", "ExplainApproval")
    for operation in (*tabs, "UsageByModel"):
        await choose_tab(page, operation)
        await page.evaluate("document.querySelector('#problem').textContent = ''")
        await run(page)
        await page.until("document.querySelector('#problem').textContent.startsWith('Sign in first')")
        await page.until(f"{RESPONSE}.includes('Sign in first')")
    await sign_in(page)
    assert await page.evaluate("document.querySelector('#problem').textContent") == ""


async def test_an_account_is_made_with_the_form(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await page.evaluate("document.querySelector('[data-show=sign-up]').click()")
    form = "document.forms['sign-up'].elements"
    await page.evaluate(f"{form}.email.value = 'new@parley.example'; {form}.password.value = 'correct horse battery'")
    await page.evaluate(f"{form}.fullName.value = 'Grace New'; document.forms['sign-up'].requestSubmit()")
    await page.until("document.querySelector('#who').textContent === 'new@parley.example'")
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until(f"{RESPONSE}.includes('Grace New')")
    assert await page.evaluate(f"{form}.password.value") == ""


async def test_a_query_is_clicked_together(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await choose_tab(page, "Inbox")
    await page.evaluate("document.querySelector('[aria-label=\"Show GraphiQL Explorer\"]').click()")
    field = "[...document.querySelectorAll('.graphiql-explorer-root .graphiql-explorer-field-view')]"
    await page.until(f"{field}.some((each) => each.innerText === 'email')")
    await page.evaluate(f"{field}.find((each) => each.innerText === 'email').click()")
    await page.until(f"{EDITOR}.getValue().includes('email')")


async def test_nothing_is_asked_of_another_host(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await choose_tab(page, "WatchLive")
    await run(page)
    await page.until("sockets.length")
    await send(agent, "hello")
    hosts = {urlsplit(url).netloc for url in page.requests if not url.startswith(("data:", "blob:"))}
    assert hosts == {urlsplit(serving.url).netloc}
    assert not [complaint for complaint in page.complaints if "Content Security Policy" in complaint]


async def test_headers_tab_wins_and_is_kept_nowhere(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await choose_tab(page, "Inbox")
    await page.evaluate("[...document.querySelectorAll('button')].find((b) => b.innerText === 'Headers').click()")
    await page.evaluate(f"""{HEADERS}.setValue('{{"authorization": "Bearer s3cret"}}')""")
    await run(page)
    await page.until(f"{RESPONSE}.includes('UNAUTHENTICATED')")
    stored = "JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage}) + location.href"
    # GraphiQL writes its tabs half a second after a change.
    await page.until("'graphiql:tabState' in sessionStorage")
    assert "s3cret" not in await page.evaluate(stored)
    # A duplicated window gets a copy of what sessionStorage holds.
    assert REFRESH.prefix not in await page.evaluate("JSON.stringify({...sessionStorage}) + location.href")


async def test_edited_tabs_and_the_session_outlive_a_reload(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await choose_tab(page, "Inbox")
    await page.until("'graphiql:tabState' in sessionStorage")
    tabs = "[...document.querySelectorAll('.graphiql-tab-button')].map((tab) => tab.textContent).join()"
    before = await page.evaluate(tabs)
    await visit(page, serving.url)
    assert await page.evaluate(tabs) == before
    await page.until("document.querySelector('header').innerText.includes('Signed in as demo@parley.example')")


async def test_signing_out_ends_the_session(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    token = (await kept(page))["accessToken"]
    await page.evaluate("document.forms['signed-in'].requestSubmit()")
    await page.until("!document.querySelector('#signed-in button').disabled && !document.forms['sign-in'].hidden")
    assert await kept(page) is None
    signed_out = serving.anonymous()
    signed_out.token = token
    assert (await signed_out.run("{ viewer { email } }"))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_pasted_token_is_used(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    token = (await kept(page))["accessToken"]
    await page.evaluate(f"{VAULT}.then((vault) => vault.write(undefined))")
    await visit(page, serving.url)
    await page.evaluate("document.querySelector('[data-show=use-token]').click()")
    await page.evaluate(f"document.forms['use-token'].token.value = {json.dumps(token)}")
    await page.evaluate("document.forms['use-token'].requestSubmit()")
    await page.until("document.querySelector('header').innerText.includes('Signed in as demo@parley.example')")


async def test_token_is_renewed_before_it_ends(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    before = (await kept(page))["accessToken"]
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until(f"{RESPONSE}.includes('totalCount')")
    assert (await kept(page))["accessToken"] != before


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 768, 390])
async def test_page_fits(page: Page, serving: Serving, agent: Client, tmp_path: Path, width: int, dark: bool) -> None:
    async def shows(name: str) -> None:
        (tmp_path / f"{name}.png").write_bytes(await page.screenshot(width, 844, dark))
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await page.evaluate("document.documentElement.scrollHeight") <= 844

    await visit(page, serving.url)
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until(f"{RESPONSE}.includes('Sign in first')")
    await shows("signed-out")
    await page.evaluate("document.querySelector('[data-show=sign-up]').click()")
    await shows("sign-up")
    await sign_in(page)
    await page.evaluate("document.querySelector('[aria-label=\"Show GraphiQL Explorer\"]').click()")
    await run(page)
    await page.until(f"{RESPONSE}.includes('totalCount')")
    await shows("explorer")
    await page.evaluate("document.querySelector('[aria-label=\"Hide GraphiQL Explorer\"]').click()")
    await watch(page, await feed_cursor(agent))
    for content in "Which of the open questions block the release?", "None that we know of.":
        await send(agent, content)
        await listed(page, content)
    await page.evaluate(f"{EVENTS}[0].querySelector('details').open = true")
    await shows("live")
