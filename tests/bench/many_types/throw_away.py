"""Types that nobody needs: a migration and a module for each of as many types as are wanted, like real ones."""

from __future__ import annotations

import shutil
from pathlib import Path

from gateway.data.setup.migration import DIRECTORY

_TABLE = """
CREATE TABLE things_{n} (
    user_id uuid,
    id uuid DEFAULT uuid7(),
    title text NOT NULL,
    body text,
    kind text NOT NULL DEFAULT 'idea'
        CONSTRAINT things_{n}_kind_known CHECK (kind IN ('idea', 'plan', 'habit')),
    url text,
    score integer NOT NULL DEFAULT 0,
    effort double precision,
    price_usd numeric,
    is_done boolean NOT NULL DEFAULT false,
    due_at timestamptz,
    day date,
    labels jsonb NOT NULL DEFAULT '[]',
    details jsonb NOT NULL DEFAULT '{{}}',
    conversation_id uuid,
    tag_id uuid
);
SELECT tenant_table('things_{n}', carry => '{{conversation_id}}');
SELECT add_rule('things_{n}', name, condition, reason)
FROM (VALUES
    ('title_length', 'char_length(title) BETWEEN 1 AND 500', 'A title has 1 to 500 characters.'),
    ('body_length', 'char_length(body) <= 20000', 'A body has at most 20000 characters.'),
    ('url_length', 'char_length(url) <= 2048', 'A URL has at most 2048 characters.'),
    ('score_range', 'score BETWEEN 0 AND 100', 'A score is between 0 and 100.'),
    ('effort_range', 'effort BETWEEN 0 AND 1000', 'An effort is between 0 and 1000 hours.'),
    ('price_usd_range', 'price_usd BETWEEN 0 AND 1000000', 'A price is between 0 and 1000000 dollars.'),
    ('details_shape', $$jsonb_typeof(details) = 'object'$$, 'Details are an object.')
) AS r (name, condition, reason);
SELECT add_list_rule('things_{n}', 'labels', most => 20, length => 50);
SELECT add_link('things_{n}', 'conversation_id', 'conversations');
SELECT add_link('things_{n}', 'tag_id', 'tags');
CREATE INDEX things_{n}_by_creation ON things_{n} (user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX things_{n}_by_score ON things_{n} (user_id, score DESC, title, id) WHERE deleted_at IS NULL;
"""
_TYPE = '''"""Things of kind {n}, which nobody needs."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal

import strawberry

from gateway import JSON, Node, entity, enum_type, input_type, maybe, root_page, standard


@enum_type
class Thing{n}Kind(enum.Enum):
    """What thing {n} is."""

    IDEA = "idea"
    """Something that came to mind."""
    PLAN = "plan"
    """Something to do."""
    HABIT = "habit"
    """Something to do again and again."""


@enum_type
class Thing{n}Order(enum.Enum):
    """How a list of things {n} is sorted."""

    NEWEST = "-created_at"
    """Newest first."""
    BEST = "-score, title"
    """With the highest score first, then by title."""


@input_type
class Thing{n}Filter:
    """Conditions for a list of things {n}. Each item meets all that are set."""

    kind: list[Thing{n}Kind] | None = None
    """Of one of these kinds."""
    is_done: bool | None = None
    """Whether it is done."""
    title_contains: str | None = None
    """Text that the title contains, up to 500 characters. Ignores case (`ß` equals `ss`) and Unicode normal form."""
    due_before: datetime.datetime | None = None
    """Due before this time."""
    has_url: bool | None = None
    """Whether it has a URL."""


@entity("things_{n}", order=Thing{n}Order, filter=Thing{n}Filter)
class Thing{n}(Node):
    """Something of kind {n} that the user wrote down."""

    title: str
    """What it is called, 1 to 500 characters."""
    body: str | None
    """The text, in Markdown; null if there is none."""
    kind: Thing{n}Kind
    """What it is."""
    url: str | None
    """Where to read more; null if nowhere."""
    score: int
    """How much it matters, from 0 to 100."""
    effort: float | None
    """How many hours it takes; null if nobody knows."""
    price_usd: Decimal | None
    """What it costs, in US dollars; null if nobody knows."""
    is_done: bool
    """Whether it is done."""
    due_at: datetime.datetime | None
    """When it is due; null for never."""
    day: datetime.date | None
    """The day to begin on; null for any day."""
    labels: list[str]
    """Words to find it by."""
    details: JSON
    """Data that clients store with it, an object."""
    deleted_at: datetime.datetime | None
    """When it was deleted; null if it is not deleted."""

    conversation = maybe("Conversation", key="conversation_id")
    """The conversation that it is about; null if there is none."""
    tag = maybe("Tag", key="tag_id")
    """The tag that it is filed under; null if there is none."""


class Thing{n}Input:
    """The fields of a thing {n} that a client may set."""

    title: str
    """What it is called, 1 to 500 characters."""
    body: str | None = None
    """The text, in Markdown."""
    kind: Thing{n}Kind | None = None
    """What it is. Defaults to `IDEA`."""
    url: str | None = None
    """Where to read more."""
    score: int | None = None
    """How much it matters, from 0 to 100. Defaults to 0."""
    effort: float | None = None
    """How many hours it takes."""
    price_usd: Decimal | None = None
    """What it costs, in US dollars."""
    is_done: bool | None = None
    """Whether it is done. Defaults to false."""
    due_at: datetime.datetime | None = None
    """When it is due."""
    day: datetime.date | None = None
    """The day to begin on."""
    labels: list[str] | None = None
    """Words to find it by: at most 20, each of 1 to 50 characters."""
    details: JSON | None = None
    """Data that clients store with it, an object."""
    conversation_id: strawberry.ID | None = None
    """The conversation that it is about."""
    tag_id: strawberry.ID | None = None
    """The tag that it is filed under."""


root_page(Thing{n}, name="things_{n}")
standard(Thing{n}, input=Thing{n}Input, within="conversations", scope="personal:write")
'''
PACKAGE = "things"


def write(folder: Path, count: int) -> None:
    """Write Parley's migrations and one of so many types to `folder/migrations`, their modules to `folder/things`."""
    migrations, package = folder / "migrations", folder / PACKAGE
    migrations.mkdir(parents=True)
    package.mkdir()
    own = sorted(DIRECTORY.glob("*.sql"))
    for migration in own:
        shutil.copy(migration, migrations)
    (package / "__init__.py").write_text('"""Types that nobody needs."""\n', encoding="utf-8")
    for n in range(count):
        number = len(own) + 1 + n
        (migrations / f"{number:04}_things_{n}.sql").write_text(_TABLE.format(n=n), encoding="utf-8")
        (package / f"thing_{n}.py").write_text(_TYPE.format(n=n), encoding="utf-8")
