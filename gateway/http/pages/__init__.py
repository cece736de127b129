"""Serves Parley's pages to browsers, and holds what the pages share: the session, the bar, the style.

No request path becomes a file path: each file has its own route, below a digest of all files of its page. Browsers may
therefore cache a file for ever, and still get the new one after an upgrade. A script imports others by the paths that
they have in the checkout.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler

FOLDER = Path(__file__).parents[1]
"""The folder of the pages' folders. Paths of files are relative to it."""
PACKAGES = "graphiql/node_modules"
OWN = ("element.js", "session.js", "vault.js", "bar.js", "bar.css", "icon.svg")
FILES = {name: name for name in (f"pages/{each}" for each in OWN)}
"""What every page loads."""
GRAPHQL_WS = {"packages/graphql-ws.js": f"{PACKAGES}/graphql-ws/umd/graphql-ws.min.js"}
HOST = re.compile(r"([\w.-]+|\[[\da-fA-F:.]+\])(:\d+)?", re.ASCII)
CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

NOT_INSTALLED = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>Parley</title>
<h1>Parley is running, but {title} is not installed</h1>
<p>In a checkout, stop the gateway and run <code>make serve</code>: it installs {title}, then starts the gateway.
Elsewhere, install a wheel that was built with <code>make wheel</code>.</p>
<p>The API itself works without it, at <code>{graphql_path}</code>.</p>
</html>
"""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo account that the pages offer for signing in."""

    email: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the gateway."""

    title: str
    paths: tuple[str, ...]
    """The paths at which it is served."""
    html: str
    """Its file. `{assets}` stands for where the files are served, and `{bar}` for the bar."""
    files: Mapping[str, str]
    """The files that it loads in addition to `FILES`, by the name under which they are served."""
    policy: tuple[str, ...] = ()
    """What its content security policy says in addition."""


def routes(
    page: Page,
    graphql_path: str = "/graphql",
    demo: Demo | None = None,
    settings: Mapping[str, Any] | None = None,
    folder: Path = FOLDER,
) -> list[web.RouteDef]:
    """All routes of a page, except the API at `graphql_path`. `settings` are more of what its scripts are told."""
    try:
        files = {name: (folder / path).read_bytes() for name, path in {**FILES, **page.files}.items()}
    except FileNotFoundError:
        text = NOT_INSTALLED.format(title=page.title, graphql_path=graphql_path)
        absent = _page(text, page.policy, status=503)
        return [web.get(path, absent) for path in page.paths]

    assets = f"/assets/{hashlib.sha256(b''.join(files.values())).hexdigest()[:12]}"
    bar = (folder / "pages/bar.html").read_text("utf-8")
    html = (folder / page.html).read_text("utf-8").replace("{bar}", bar).replace("{assets}", assets)
    shown = _page(html, page.policy)
    config = {"graphqlPath": graphql_path, "demo": demo, **(settings or {})}
    return [
        *(web.get(path, shown) for path in page.paths),
        web.get(f"/{PurePath(page.html).parent}/config.json", _config(orjson.dumps(config))),
        *(web.get(f"{assets}/{name}", _file(name, body)) for name, body in files.items()),
    ]


def _page(html: str, policy: tuple[str, ...], status: int = 200) -> Handler:
    async def page(request: web.Request) -> web.Response:
        response = web.Response(text=html, status=status, content_type="text/html")
        response.headers.update(
            {
                "Cache-Control": "no-cache",
                "Content-Security-Policy": "; ".join((*_security_policy(request.host), *policy)),
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            }
        )
        return response

    return page


def _security_policy(host: str) -> tuple[str, ...]:
    # Not every browser treats a websocket to the same host as 'self'. The Host header is untrusted: check it.
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    return (
        "default-src 'self'",
        f"connect-src 'self'{sockets}",
        "font-src 'self' data:",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        # Without this, a page whose script failed to load would submit the password in its URL.
        "form-action 'none'",
        "frame-ancestors 'none'",
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
