"""Serves GraphiQL at `/`: the page, its scripts and prebuilt packages, all from this gateway.

No request path becomes a file path: each file has its own route, below a digest of all files. Browsers may therefore
cache a file for ever, and still get the new one after an upgrade.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

FOLDER = Path(__file__).parent
PAGES = ("/", "/graphiql")
FILES = {
    "react.js": "node_modules/react/umd/react.production.min.js",
    "react-dom.js": "node_modules/react-dom/umd/react-dom.production.min.js",
    "graphql-ws.js": "node_modules/graphql-ws/umd/graphql-ws.min.js",
    "graphiql.js": "node_modules/graphiql/graphiql.min.js",
    "graphiql.css": "node_modules/graphiql/graphiql.min.css",
    "explorer.js": "node_modules/@graphiql/plugin-explorer/dist/index.umd.js",
    "explorer.css": "node_modules/@graphiql/plugin-explorer/dist/style.css",
    "session.js": "session.js",
    "vault.js": "vault.js",
    "fetcher.js": "fetcher.js",
    "live.js": "live.js",
    "panel.js": "panel.js",
    "storage.js": "storage.js",
    "page.js": "page.js",
    "page.css": "page.css",
    "icon.svg": "icon.svg",
}
HOST = re.compile(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", re.ASCII)
CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

NOT_INSTALLED = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>Parley</title>
<h1>Parley is running, but GraphiQL is not installed</h1>
<p>In a checkout, stop the gateway and run <code>make serve</code>: it installs GraphiQL, then starts the gateway.
Elsewhere, install a wheel that was built with <code>make wheel</code>.</p>
<p>The API itself works without it, at <code>{graphql_path}</code>.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo account that the page offers for signing in."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class Example:
    """An operation that the page opens in a tab."""

    title: str
    query: str
    variables: dict[str, Any]


def routes(graphql_path: str = "/graphql", demo: Demo | None = None, folder: Path = FOLDER) -> list[web.RouteDef]:
    """All routes of the page, except the API at `graphql_path`."""
    try:
        files = {name: (folder / path).read_bytes() for name, path in FILES.items()}
    except FileNotFoundError:
        absent = _page(NOT_INSTALLED.format(graphql_path=graphql_path), status=503)
        return [web.get(path, absent) for path in PAGES]

    version = hashlib.sha256(b"".join(files.values())).hexdigest()[:12]
    page = _page((folder / "index.html").read_text("utf-8").replace("{version}", version))
    config = {"graphqlPath": graphql_path, "demo": demo, "examples": examples(folder)}
    return [
        *(web.get(path, page) for path in PAGES),
        web.get("/graphiql/config.json", _config(orjson.dumps(config))),
        *(web.get(f"/graphiql/{version}/{name}", _file(name, body)) for name, body in files.items()),
    ]


def examples(folder: Path = FOLDER) -> list[Example]:
    """The tabs of a fresh page, in order."""
    directory = folder / "examples"
    return [
        Example(entry["title"], (directory / entry["file"]).read_text("utf-8"), entry["variables"])
        for entry in orjson.loads((directory / "examples.json").read_bytes())
    ]


def _page(html: str, status: int = 200) -> Handler:
    async def page(request: web.Request) -> web.Response:
        response = web.Response(text=html, status=status, content_type="text/html")
        response.headers.update(
            {
                "Cache-Control": "no-cache",
                "Content-Security-Policy": _security_policy(request.host),
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            }
        )
        return response

    return page


def _security_policy(host: str) -> str:
    # Not every browser treats a websocket to the same host as 'self'. The Host header is untrusted: check it.
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    return "; ".join(
        (
            "default-src 'self'",
            f"connect-src 'self'{sockets}",
            "font-src 'self' data:",
            "img-src 'self' data:",
            "style-src 'self' 'unsafe-inline'",  # CodeMirror and the dialogs write styles into the page
            "object-src 'none'",
            "base-uri 'none'",
            # Without this, a page whose script failed to load would submit the password in its URL.
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _config(body: bytes) -> Handler:
    async def config(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})

    return config


def _file(name: str, body: bytes) -> Handler:
    async def file(request: web.Request) -> web.Response:
        response = web.Response(
            body=body,
            content_type=CONTENT_TYPES[PurePath(name).suffix],
            charset="utf-8",
            headers={
                "Cache-Control": "public, max-age=31536000, immutable",
                "X-Content-Type-Options": "nosniff",
            },
            zlib_executor_size=16_384,
        )
        response.enable_compression()
        return response

    return file
