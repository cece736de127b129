"""The pages for users, and the tables in them that are generated from the code: `python -m tests.pages` writes them.

A table stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.auth.password import LONGEST, SHORTEST
from gateway.config import Settings
from gateway.environment import settings_table
from gateway.execution.prepare.document import MAX_CHARACTERS, MAX_TOKENS
from gateway.execution.prepare.limits import Limits
from gateway.http.close import close_code_table
from gateway.http.options import Options
from gateway.http.plain.unreadable import MAX_LINE_BYTES
from gateway.schema.fields import changes
from gateway.schema.fields.connection import LARGEST_PAGE
from gateway.schema.fields.node import MOST_NODES
from gateway.schema.objects.combined import MOST_CONDITIONS, MOST_NESTED
from gateway.schema.types import containing

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
API = ROOT / "resolvers" / "README.md"
DEPLOYING = ROOT / "deploy" / "README.md"

GENERATED = re.compile(r"(?<=<!-- generated: )([\w ]+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a language on a page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def limits_table() -> str:
    """The limits as a Markdown table."""
    limits, given = Limits(), Settings.model_fields
    rows = [
        ("characters and lexical tokens in an operation", f"{MAX_CHARACTERS:,} and {MAX_TOKENS:,}"),
        ("nesting depth of an operation, and of lists within lists", f"{limits.depth} and {limits.list_depth}"),
        ("fields in an operation, with fragments expanded", f"{limits.fields:,}"),
        ("root fields and aliases in an operation", f"{limits.root_fields} and {limits.aliases}"),
        ("conditions in a filter, and nesting depth of its `OR` and `NOT`", f"{MOST_CONDITIONS} and {MOST_NESTED}"),
        ("objects an operation can request, computed from its page sizes", f"{limits.objects:,}"),
        (
            "bytes an operation reads from the database and returns",
            f"{given['max_operation_bytes'].default:,}",
        ),
        ("concurrent queries and mutations per user, in each process", f"{given['max_operations_per_user'].default}"),
        ("rows per page (`first`, `last`), and ids per `nodes`", f"{LARGEST_PAGE} and {MOST_NODES}"),
        ("changes per page of `changes`", f"{changes.LARGEST_PAGE:,}"),
        ("request body, or message on a websocket", f"{given['max_body_bytes'].default:,} bytes"),
        ("URL, and each request header", f"{MAX_LINE_BYTES:,} bytes"),
        (
            "subscriptions per websocket, and concurrent queries and mutations on it",
            f"{given['max_subscriptions_per_socket'].default} and {Options().max_answers_per_socket}",
        ),
        (
            "websockets and event streams per user, and per address, in each process",
            f"{given['max_sockets_per_user'].default} and {given['max_sockets_per_address'].default:,}",
        ),
        ("subscriptions per user, in each process", str(given["max_subscriptions_per_user"].default)),
        ("messages read per second from one websocket", str(given["max_messages_per_second"].default)),
        ("characters in a message", "262,144"),
        ("text of one `appendMessage`", "16 KiB"),
        ("metadata, images and files of one object, each", "64 KiB"),
        ("characters in a text filter (`titleContains`)", f"{containing.LONGEST}"),
        ("characters in a password", f"{SHORTEST} to {LONGEST:,}"),
    ]
    return "\n".join(["| what | at most |", "| --- | --- |", *(f"| {what} | {most} |" for what, most in rows)])


TABLES: Mapping[Path, Mapping[str, Callable[[], str]]] = {
    API: {"close codes": close_code_table, "limits": limits_table},
    DEPLOYING: {"settings": settings_table},
}


def with_tables(page: Path) -> str:
    """The text of a page with its tables as the code says."""
    tables = TABLES[page]
    return GENERATED.sub(lambda found: f"{found[1]}{found[2]}\n{tables[found[1]]()}\n\n", page.read_text("utf-8"))


if __name__ == "__main__":
    for page in TABLES:
        page.write_text(with_tables(page), "utf-8")
