"""Types that nobody needs: a migration and a module for as many plain types as are wanted."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

from gateway.data.setup.migration import DIRECTORY

_TABLE = """
CREATE TABLE things_{n} (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    title text NOT NULL,
    conversation_id uuid
);
SELECT tenant_table('things_{n}', carry => '{{conversation_id}}');
SELECT add_link('things_{n}', 'conversation_id', 'conversations');
"""
_HEAD = '''"""Types that nobody needs."""

from __future__ import annotations

import datetime

import strawberry

from gateway import Node, entity, maybe, standard
'''
_TYPE = '''

@entity("things_{n}")
class Thing{n}(Node):
    """Something."""

    title: str
    """What it is called."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null if it is not deleted."""

    conversation = maybe("Conversation", key="conversation_id")
    """The conversation that it is about; null if there is none."""


class Thing{n}Input:
    """The fields that a client may set."""

    title: str
    """What it is called."""
    conversation_id: strawberry.ID | None = None
    """The conversation that it is about."""


standard(Thing{n}, input=Thing{n}Input, within="conversations")
'''


def migrations(directory: Path, count: int) -> Path:
    """A directory with Parley's migrations, and one of so many types."""
    own = sorted(DIRECTORY.glob("*.sql"))
    folder = directory / "migrations"
    folder.mkdir()
    for migration in own:
        shutil.copy(migration, folder)
    text = "".join(_TABLE.format(n=n) for n in range(count))
    (folder / f"{len(own) + 1:04}_things.sql").write_text(text, encoding="utf-8")
    return folder


def module(directory: Path, count: int) -> ModuleType:
    """A module that declares so many types."""
    path = directory / f"things_{count}.py"
    path.write_text(_HEAD + "".join(_TYPE.format(n=n) for n in range(count)), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    # Annotations of its classes are resolved there.
    sys.modules[path.stem] = made
    spec.loader.exec_module(made)
    return made
