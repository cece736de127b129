"""The pages for browsers come from the gateway alone, file by listed file."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from graphql import parse
from yarl import URL

from gateway.http import chat, graphiql, pages
from tests.kit.database import Database
from tests.kit.serving import serving_on

Client = TestClient[web.Request, web.Application]
Get = Callable[[str], Awaitable[tuple[int, str, str]]]

DEMO = pages.Demo("demo@parley.example", "correct horse battery")
needs_packages = pytest.mark.skipif(
    not (pages.FOLDER / pages.PACKAGES).is_dir(),
    reason="GraphiQL's packages are not installed: make serve",
)


@asynccontextmanager
async def serving(demo: pages.Demo | None = DEMO, folder: Path = pages.FOLDER) -> AsyncIterator[Client]:
    app = web.Application()
    app.add_routes([*graphiql.routes("/graphql", demo, folder), *chat.routes("/graphql", demo, folder)])
    async with TestClient(TestServer(app)) as client:
        yield client


PATHS = [*graphiql.PAGE.paths, *chat.PAGE.paths]
each_page = pytest.mark.parametrize("page", [graphiql.PAGE, chat.PAGE], ids=lambda page: page.title)


def references(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="([^"]*)"', html)


@needs_packages
@pytest.mark.parametrize("path", PATHS)
async def test_page_refers_to_no_other_host(path: str) -> None:
    async with serving() as client:
        response = await client.get(path)
        html = await response.text()
        assert response.content_type == "text/html"
        assert "{assets}" not in html
        assert references(html)
        assert all(urlsplit(address)[:2] == ("", "") for address in references(html))


@needs_packages
@pytest.mark.parametrize("path", PATHS)
async def test_page_runs_no_inline_script(path: str) -> None:
    async with serving() as client:
        html = await (await client.get(path)).text()
        assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|javascript:|style=|<style", html)


@needs_packages
@pytest.mark.parametrize("path", PATHS)
async def test_page_may_reach_only_its_own_host(path: str) -> None:
    async with serving() as client:
        response = await client.get(path)
        policy = response.headers["Content-Security-Policy"].split("; ")
        assert "default-src 'self'" in policy
        assert f"connect-src 'self' ws://{response.url.authority} wss://{response.url.authority}" in policy
        assert not any(rule.startswith("script-src") for rule in policy)
        assert response.headers["Referrer-Policy"] == "no-referrer"


@needs_packages
@pytest.mark.parametrize("host", ["evil.example; script-src *", "a b", "évil.example"])
async def test_odd_host_gets_no_place_in_the_policy(host: str) -> None:
    async with serving() as client:
        response = await client.get("/", headers={"Host": host})
        if response.status == 200:
            assert "connect-src 'self';" in response.headers["Content-Security-Policy"]


async def test_pages_can_be_switched_off(database: Database, tmp_path: Path) -> None:
    async with serving_on(database, tmp_path, graphiql=False) as serving:
        for path in (*PATHS, "/graphiql/config.json", "/chat/config.json"):
            async with serving.http.get(f"{serving.url}{path}") as response:
                assert response.status == 404
    async with (
        serving_on(database, tmp_path) as serving,
        serving.http.get(f"{serving.url}/chat") as response,
    ):
        assert response.status in (200, 503)


@needs_packages
async def test_chat_page_lets_no_text_become_markup_or_style() -> None:
    async with serving() as client:
        policy = (await client.get("/chat")).headers["Content-Security-Policy"].split("; ")
        assert "require-trusted-types-for 'script'" in policy
        assert "trusted-types 'none'" in policy
        assert not any("unsafe" in rule for rule in policy)


@needs_packages
@each_page
async def test_every_listed_file_is_served_with_its_type_for_ever(page: pages.Page) -> None:
    async with serving() as client:
        version = urlsplit(references(await (await client.get(page.paths[0])).text())[0]).path.split("/")[2]
        for name, path in {**pages.FILES, **page.files}.items():
            response = await client.get(f"/assets/{version}/{name}")
            assert response.status == 200
            assert response.content_type == pages.CONTENT_TYPES[Path(name).suffix]
            assert "immutable" in response.headers["Cache-Control"]
            assert response.headers["Content-Encoding"] in ("gzip", "deflate")
            assert await response.read() == (pages.FOLDER / path).read_bytes()


@needs_packages
@each_page
async def test_page_and_its_scripts_name_only_listed_files(page: pages.Page) -> None:
    listed = {**pages.FILES, **page.files}
    async with serving() as client:
        html = await (await client.get(page.paths[0])).text()
        named = {address.split("/", 3)[3] for address in references(html) if address.startswith("/assets/")}
        for name in listed:
            if name.endswith(".js") and not name.startswith("packages/"):
                imported = re.findall(r'(?:from|import)\s+"([^"]+)"', (pages.FOLDER / name).read_text("utf-8"))
                named |= {urljoin(name, each) for each in imported}
        assert named == set(listed)


@needs_packages
@pytest.mark.parametrize(
    "rest",
    [
        "package.json",
        "../package.json",
        "../graphiql/package.json",
        "..%2fpackage.json",
        "%2e%2e/graphiql.py",
        "node_modules/react/LICENSE",
        "",
    ],
)
async def test_no_other_file_can_be_had(rest: str) -> None:
    async with serving() as client:
        version = urlsplit(references(await (await client.get("/")).text())[0]).path.split("/")[2]
        server = client.server
        async with ClientSession() as plain:
            for start in (f"assets/{version}", "assets", "graphiql", "chat"):
                url = URL(f"{server.make_url('/')}{start}/{rest}", encoded=True)
                assert (await plain.get(url)).status == 404


@needs_packages
@pytest.mark.parametrize("folder", ["graphiql", "chat"])
async def test_demo_account_is_offered_only_where_there_is_one(folder: str) -> None:
    async with serving() as client:
        config = await (await client.get(f"/{folder}/config.json")).json()
        assert config["demo"] == {"email": DEMO.email, "password": DEMO.password}
        assert config["graphqlPath"] == "/graphql"
    async with serving(demo=None) as client:
        response = await client.get(f"/{folder}/config.json")
        assert (await response.json())["demo"] is None
        assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PATHS)
async def test_without_its_packages_the_page_says_how_to_get_them(path: str, tmp_path: Path) -> None:
    async with serving(folder=tmp_path) as client:
        response = await client.get(path)
        assert response.status == 503
        assert "make serve" in await response.text()
        assert "Content-Security-Policy" in response.headers


@pytest.mark.parametrize("example", graphiql.examples(), ids=lambda example: example.title)
def test_example_is_one_named_operation_that_says_what_it_does(example: graphiql.Example) -> None:
    document = parse(example.query)
    assert len(document.definitions) == 1
    assert example.query.startswith("# ")


def test_locked_packages_name_no_download_host() -> None:
    lock = (graphiql.FOLDER / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in lock
    assert "://" not in lock


def test_chat_page_is_small_enough_to_be_read() -> None:
    scripts = list((pages.FOLDER / "chat").glob("*.js"))
    assert {f"chat/{script.name}" for script in scripts} <= set(chat.PAGE.files)
    assert sum(len(script.read_text("utf-8").splitlines()) for script in scripts) < 800
