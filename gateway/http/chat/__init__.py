"""Serves the chat page at `/chat`: conversations, live threads and tool calls to approve.

An example for web developers: plain modules over the package graphql-ws, without a framework or a bundler.
"""

from pathlib import Path

from aiohttp import web

from gateway.http import pages

OWN = (
    *("chat/client.js", "chat/documents.js", "chat/inbox.js", "chat/thread.js", "chat/tool.js"),
    *("chat/budget.js", "chat/presence.js", "chat/page.js", "chat/page.css"),
)
PAGE = pages.Page(
    title="The chat page",
    paths=("/chat",),
    html="chat/index.html",
    files={**pages.GRAPHQL_WS, **{name: name for name in OWN}},
    # No text ever becomes markup: browsers that know trusted types refuse it even if a script tries.
    policy=("require-trusted-types-for 'script'", "trusted-types 'none'"),
)


def routes(
    graphql_path: str = "/graphql", demo: pages.Demo | None = None, folder: Path = pages.FOLDER
) -> list[web.RouteDef]:
    """All routes of the page."""
    return pages.routes(PAGE, graphql_path, demo, folder=folder)
