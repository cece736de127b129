"""GraphiQL's page, used in a real browser by someone who has read nothing."""

import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gateway import demo
from gateway.auth import refresh
from gateway.data.opening import OpenDatabase
from gateway.http import graphiql
from tests.browser.chromium import EXECUTABLE, Page, open_page
from tests.database import Database
from tests.serving import Client, Serving, serving_on

if EXECUTABLE is None:
    pytest.skip("no Chromium on this machine", allow_module_level=True)
if not (graphiql.FOLDER / "node_modules").is_dir():
    pytest.skip("GraphiQL's packages are not installed: make serve", allow_module_level=True)

CONVERSATION = "01980000-0000-7000-8000-000000000001"
WATCH_SOCKETS = """
    window.sockets = [];
    window.WebSocket = class extends WebSocket {
      constructor(...how) { super(...how); sockets.push(this); }
    };
"""
RESPONSE = "document.querySelector('.result-window .CodeMirror').CodeMirror.getValue()"
VARIABLES = "document.querySelectorAll('.graphiql-editor-tool .CodeMirror')[0].CodeMirror"
HEADERS = "document.querySelectorAll('.graphiql-editor-tool .CodeMirror')[1].CodeMirror"


@pytest.fixture(scope="module")
async def serving(database: Database) -> AsyncIterator[Serving]:
    """A gateway that offers the demo account."""
    await demo.fill(OpenDatabase(database.runtime_url, database.owner_url))
    with tempfile.TemporaryDirectory() as directory:
        # The shortest life that there is: the page renews such a token before each request.
        async with serving_on(database, Path(directory), demo=True, access_token_seconds=30) as made:
            yield made


@pytest.fixture
async def agent(serving: Serving) -> Client:
    """The demo account on another device."""
    client = serving.anonymous()
    account = {"email": demo.EMAIL, "password": demo.PASSWORD}
    client.token = (await client.mutate("signIn", "accessToken", **account))["accessToken"]
    return client


@pytest.fixture
async def page(serving: Serving, tmp_path: Path) -> AsyncIterator[Page]:
    # Asking for the gateway here lets the browser go first, so that no socket keeps the gateway waiting.
    async with open_page(tmp_path / "profile") as page:
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH_SOCKETS)
        yield page


async def visit(page: Page, url: str) -> None:
    await page.call("Page.navigate", url=url)
    await page.until("document.querySelector('.graphiql-execute-button') && document.forms[0].email.value")


async def sign_in(page: Page) -> None:
    await page.evaluate("document.forms['sign-in'].requestSubmit()")
    await page.until("document.querySelector('header').innerText.includes('Signed in as demo@parley.example')")


async def choose_tab(page: Page, operation: str) -> None:
    tabs = "[...document.querySelectorAll('.graphiql-tab-button')]"
    await page.evaluate(f"{tabs}.find((tab) => tab.textContent === '{operation}').click()")
    await ready(page, operation)


async def ready(page: Page, operation: str) -> None:
    """Until the editor has parsed the tab's text, GraphiQL would run the operation of the tab before."""
    editor = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror"
    await page.until(f"{editor}.operationName === '{operation}'")


async def run(page: Page) -> None:
    await page.evaluate("document.querySelector('.graphiql-execute-button').click()")


async def watch(page: Page, after: str) -> None:
    """Start "Watch live" from a cursor, so that it does not matter when the gateway gets to it."""
    await choose_tab(page, "WatchLive")
    variables = json.dumps({"conversationId": CONVERSATION, "after": after}, indent=2)
    await page.evaluate(f"{VARIABLES}.setValue({json.dumps(variables)})")
    await run(page)


async def feed_cursor(agent: Client) -> str:
    cursor: str = (await agent.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    return cursor


async def send(agent: Client, content: str) -> None:
    await agent.make("addMessage", "message", conversationId=CONVERSATION, role="ASSISTANT", content=content)


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


async def test_subscription_goes_on_from_its_last_event(page: Page, serving: Serving, agent: Client) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until(f"{RESPONSE}.includes('feedCursor')")
    start = json.loads(await page.evaluate(RESPONSE))["data"]["viewer"]["feedCursor"]

    await watch(page, start)
    await send(agent, "before the break")
    await page.until(f"{RESPONSE}.includes('before the break')")
    seen = json.loads(await page.evaluate(RESPONSE))["data"]["messageAdded"]["cursor"]

    await page.evaluate("sockets.at(-1).close(4000)")
    await send(agent, "during the break")
    await page.until(f"{RESPONSE}.includes('during the break')")
    asked = [frame["payload"]["variables"]["after"] for frame in page.frames_sent if frame["type"] == "subscribe"]
    assert asked == [start, seen]


async def test_a_watcher_sees_what_is_sent_from_another_window(
    page: Page, serving: Serving, agent: Client, tmp_path: Path
) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    await watch(page, await feed_cursor(agent))
    async with open_page(tmp_path / "other profile") as other:
        await visit(other, serving.url)
        await sign_in(other)
        await choose_tab(other, "Send")
        await run(other)
        await other.until(f"{RESPONSE}.includes('userErrors')")
        sent = json.loads(await other.evaluate(RESPONSE))["data"]["addMessage"]["message"]
    await page.until(f"{RESPONSE}.includes('Hello from GraphiQL')")
    seen = json.loads(await page.evaluate(RESPONSE))["data"]["messageAdded"]["message"]
    assert seen == {"seq": sent["seq"], "role": "USER", "content": sent["content"]}
    (tmp_path / "watching.png").write_bytes(await page.screenshot(1280, 844))


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
    kept = "JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage}) + location.href"
    # GraphiQL writes its tabs half a second after a change.
    await page.until("'graphiql:tabState' in sessionStorage")
    assert "s3cret" not in await page.evaluate(kept)
    assert refresh.PREFIX not in await page.evaluate(kept)


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
    token = json.loads(await page.evaluate("sessionStorage['parley.session']"))["accessToken"]
    await page.evaluate("document.forms['signed-in'].requestSubmit()")
    await page.until("!document.querySelector('#signed-in button').disabled && !document.forms['sign-in'].hidden")
    assert "parley.session" not in await page.evaluate("Object.keys(sessionStorage)")
    signed_out = serving.anonymous()
    signed_out.token = token
    assert (await signed_out.run("{ viewer { email } }"))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_pasted_token_is_used(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    token = json.loads(await page.evaluate("sessionStorage['parley.session']"))["accessToken"]
    await page.evaluate("sessionStorage.clear()")
    await visit(page, serving.url)
    await page.evaluate("document.querySelector('[data-show=use-token]').click()")
    await page.evaluate(f"document.forms['use-token'].token.value = {json.dumps(token)}")
    await page.evaluate("document.forms['use-token'].requestSubmit()")
    await page.until("document.querySelector('header').innerText.includes('Signed in as demo@parley.example')")


async def test_token_is_renewed_before_it_ends(page: Page, serving: Serving) -> None:
    await visit(page, serving.url)
    await sign_in(page)
    before = json.loads(await page.evaluate("sessionStorage['parley.session']"))["accessToken"]
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until(f"{RESPONSE}.includes('totalCount')")
    assert json.loads(await page.evaluate("sessionStorage['parley.session']"))["accessToken"] != before


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
async def test_page_fits(page: Page, serving: Serving, agent: Client, tmp_path: Path, width: int, dark: bool) -> None:
    await send(agent, "Which of the open questions block the release?")
    await visit(page, serving.url)
    (tmp_path / "signed-out.png").write_bytes(await page.screenshot(width, 844, dark))
    await sign_in(page)
    await choose_tab(page, "Inbox")
    await run(page)
    await page.until(f"{RESPONSE}.includes('totalCount')")
    (tmp_path / "signed-in.png").write_bytes(await page.screenshot(width, 844, dark))
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert await page.evaluate("document.documentElement.scrollHeight") <= 844
