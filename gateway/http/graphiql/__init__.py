"""Serves GraphiQL at `/`: the page, its scripts and prebuilt packages, all from this gateway."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from gateway.http import pages

FOLDER = Path(__file__).parent
PAGE = pages.Page(
    title="GraphiQL",
    paths=("/", "/graphiql"),
    html="graphiql/index.html",
    files={
        "packages/react.js": f"{pages.PACKAGES}/react/umd/react.production.min.js",
        "packages/react-dom.js": f"{pages.PACKAGES}/react-dom/umd/react-dom.production.min.js",
        "packages/graphiql.js": f"{pages.PACKAGES}/graphiql/graphiql.min.js",
        "packages/graphiql.css": f"{pages.PACKAGES}/graphiql/graphiql.min.css",
        "packages/explorer.js": f"{pages.PACKAGES}/@graphiql/plugin-explorer/dist/index.umd.js",
        "packages/explorer.css": f"{pages.PACKAGES}/@graphiql/plugin-explorer/dist/style.css",
        **pages.GRAPHQL_WS,
        "graphiql/fetcher.js": "graphiql/fetcher.js",
        "graphiql/live.js": "graphiql/live.js",
        "graphiql/panel.js": "graphiql/panel.js",
        "graphiql/storage.js": "graphiql/storage.js",
        "graphiql/page.js": "graphiql/page.js",
        "graphiql/page.css": "graphiql/page.css",
    },
    policy=("style-src 'self' 'unsafe-inline'",),  # CodeMirror and the dialogs write styles into the page
)


@dataclass(frozen=True, slots=True)
class Example:
    """An operation that the page opens in a tab."""

    title: str
    query: str
    variables: dict[str, Any]


def routes(
    graphql_path: str = "/graphql", demo: pages.Demo | None = None, folder: Path = pages.FOLDER
) -> list[web.RouteDef]:
    """All routes of the page."""
    return pages.routes(PAGE, graphql_path, demo, {"examples": examples()}, folder)


def examples() -> list[Example]:
    """The tabs of a fresh page, in order."""
    directory = FOLDER / "examples"
    return [
        Example(entry["title"], (directory / entry["file"]).read_text("utf-8"), entry["variables"])
        for entry in orjson.loads((directory / "examples.json").read_bytes())
    ]
