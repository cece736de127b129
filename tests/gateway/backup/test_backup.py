"""A backup is whole or it is none, and a database that is restored from it is the one that was backed up."""

from __future__ import annotations

import os
import re
import shutil
import stat
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from gateway import demo
from gateway.auth.keyring import load_or_create
from gateway.backup.archive import KEYS, BackupError, opened
from gateway.data.server.dump import dump_schema
from gateway.data.server.embedded import EmbeddedDatabase
from gateway.data.server.opening import OpenDatabase
from gateway.data.setup.functions import DIRECTORY as FUNCTIONS
from gateway.data.setup.migrate import migrate
from gateway.data.setup.migration import DIRECTORY
from gateway.data.setup.roles import RuntimeRole
from gateway.vault.provider_keys import open_key
from tests.gateway.backup.commands import ROOT, at, counts, execute, parley, rights, value
from tests.kit.database import Database, data_directory, new_database
from tests.kit.serving import Client, Serving, Statements, serving_on
from tests.work.running import working_for


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the gateway keeps its keys."""
    return tmp_path_factory.mktemp("keys")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def serving(database: Database, directory: Path) -> AsyncIterator[Serving]:
    """A gateway whose database is filled."""
    await migrate(database.owner_url)  # a clone has the rows of its template, and not its rights
    await demo.fill(OpenDatabase(database.runtime_url, database.owner_url))
    async with serving_on(database, directory) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def reader(database: Database) -> AsyncIterator[str]:
    """A role that somebody has given a right of its own."""
    name = f"reader_{uuid4().hex}"
    await execute(
        database.owner_url,
        f"CREATE ROLE {name} LOGIN; GRANT USAGE ON SCHEMA parley TO {name}; "
        f"GRANT SELECT ON parley.revocations TO {name}",
    )
    yield name
    await execute(database.owner_url, f"DROP OWNED BY {name}; DROP ROLE {name}")


async def test_restored_database_is_the_one_that_was_backed_up(
    serving: Serving, database: Database, directory: Path, tmp_path: Path, reader: str
) -> None:
    user = await serving.signed_up(email="keeper@example.org")
    conversation = await user.make("createConversation", "conversation", title='Lines\n\\.\nCOPY "x" (a) FROM stdin;')
    await user.make("addMessage", "message", conversationId=conversation["id"], role="USER", content="a\tb\n\\.\n\\N")
    await user.make("createProviderKey", "providerKey", provider="openai", apiKey="sk-kept-in-the-backup")
    cursor = (await user.data("{ viewer { feedCursor } }"))["viewer"]["feedCursor"]
    file = tmp_path / "parley.backup"
    status, said = await parley("backup", str(file), **at(database, directory))
    assert (status, stat.S_IMODE(file.stat().st_mode)) == (0, 0o600), said
    before = await counts(database.owner_url)

    with data_directory() as fresh:
        status, said = await parley("restore", str(file), PARLEY_DATA_DIR=str(fresh))
        assert status == 0, said
        assert "error" not in said.lower()
        embedded = await EmbeddedDatabase.start(fresh)
        try:
            restored = Database("parley", embedded.owner_url, embedded.runtime_url)
            assert await counts(restored.owner_url) == before
            assert before["messages"] > 5
            assert dump_schema(restored.owner_url) == dump_schema(database.owner_url)
            assert await rights(restored.owner_url, reader) == await rights(database.owner_url, reader)
            async with serving_on(restored, fresh) as again, aiohttp.ClientSession() as http:
                await as_before(Client(http, again.url, Statements(), user.token), cursor)
                await signs_in(again.anonymous())
                key = await open_key(working_for(again, user), "openai")
                assert key is not None
                assert key.secret.reveal() == "sk-kept-in-the-backup"
        finally:
            await embedded.stop()


async def as_before(client: Client, cursor: str) -> None:
    """The token that was given out before is good, what was said is there, and the cursor is told to read anew."""
    viewer = (await client.data("{ viewer { email conversations { nodes { title lastMessage { content } } } } }"))[
        "viewer"
    ]
    assert viewer["email"] == "keeper@example.org"
    (found,) = viewer["conversations"]["nodes"]
    assert (found["title"], found["lastMessage"]["content"]) == (
        'Lines\n\\.\nCOPY "x" (a) FROM stdin;',
        "a\tb\n\\.\n\\N",
    )
    async with client.socket() as socket:
        watch = {"query": "subscription($after: Cursor) { messageAdded(after: $after) { cursor } }"}
        payload = {**watch, "variables": {"after": cursor}}
        await socket.connection.send_json({"type": "subscribe", "id": "1", "payload": payload})
        answer = await socket.connection.receive_json(timeout=20)
        assert answer["payload"][0]["extensions"]["code"] == "RESYNC"


async def signs_in(client: Client) -> None:
    """Passwords are those of before."""
    payload = await client.mutate("signIn", "accessToken", email=demo.EMAIL, password=demo.PASSWORD)
    assert payload["userErrors"] == []


async def test_database_that_holds_data_is_not_restored_into(
    serving: Serving, database: Database, directory: Path, tmp_path: Path, cluster: EmbeddedDatabase, template: str
) -> None:
    file = tmp_path / "parley.backup"
    await parley("backup", str(file), **at(database, directory))
    role = f"app_{uuid4().hex}"
    async with new_database(cluster, "template0") as other:
        own = at(other, tmp_path / "other") | {"PARLEY_DATABASE_URL": cluster.url(role, other.name)}
        # Migrated and without users, as another `parley serve` may have left it, it is empty.
        await migrate(other.owner_url, RuntimeRole(role))
        serving_already = await asyncpg.connect(own["PARLEY_DATABASE_URL"])
        status, said = await parley("restore", str(file), **own)
        assert (status, "Stop Parley first" in said) == (1, True), said
        await serving_already.close()
        status, said = await parley("restore", str(file), **own)
        assert status == 0, said
        before = await counts(other.owner_url)
        status, said = await parley("restore", str(file), **own)
        assert (status, "contains data" in said) == (1, True), said
        assert await counts(other.owner_url) == before


async def test_backup_of_an_earlier_version_is_migrated_when_it_is_restored(
    tmp_path: Path, directory: Path, serving: Serving, cluster: EmbeddedDatabase
) -> None:
    earlier = tmp_path / "migrations"
    shutil.copytree(DIRECTORY, earlier)
    newest = max(earlier.iterdir())
    its_tables = re.findall(r"^CREATE TABLE (\w+)", newest.read_text("utf-8"), re.MULTILINE)
    newest.unlink()
    functions = tmp_path / "functions"
    shutil.copytree(FUNCTIONS, functions)
    for function in functions.rglob("*.sql"):
        if its_tables and re.search(rf"\b({'|'.join(its_tables)})\b", function.read_text("utf-8")):
            function.unlink()
    with (functions / "tenancy" / "actor.sql").open("a") as actor:
        actor.write("COMMENT ON FUNCTION actor() IS 'As it was.';")
    file, role = tmp_path / "parley.backup", f"app_{uuid4().hex}"
    async with new_database(cluster, "template0") as old, new_database(cluster, "template0") as new:
        await migrate(old.owner_url, RuntimeRole(role), directory=earlier, functions=functions)
        for command, database in (("backup", old), ("restore", new)):
            own = at(database, directory) | {"PARLEY_DATABASE_URL": cluster.url(role, database.name)}
            status, said = await parley(command, str(file), **own)
            assert status == 0, said
        changed = "SELECT checksum FROM parley.functions WHERE name LIKE '%/actor'"
        assert await value(new.owner_url, changed) != await value(old.owner_url, changed)
        migrations = "SELECT count(*) FROM parley.migrations"
        assert await value(new.owner_url, migrations) == int(str(await value(old.owner_url, migrations))) + 1


async def refused_restore(file: Path, directory: Path, cluster: EmbeddedDatabase) -> str:
    """What is said of a backup that cannot be restored, and of which nothing is."""
    async with new_database(cluster, "template0") as other:
        own = at(other, directory) | {"PARLEY_DATABASE_URL": cluster.url(f"app_{uuid4().hex}", other.name)}
        status, said = await parley("restore", str(file), **own)
        assert status == 1, said
        assert await value(other.owner_url, "SELECT to_regclass('parley.feeds')") is None
    assert not (directory / "signing-keys.json").exists()
    return said


async def test_damaged_backup_restores_nothing(
    serving: Serving, database: Database, directory: Path, tmp_path: Path, cluster: EmbeddedDatabase
) -> None:
    file = tmp_path / "parley.backup"
    await parley("backup", str(file), **at(database, directory))
    damaged = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        start = archive.getinfo("database.sql").header_offset
    damaged[start + 8000] ^= 255
    file.write_bytes(damaged)
    assert "Traceback" not in await refused_restore(file, tmp_path / "other", cluster)


async def test_rows_that_are_missing_from_a_backup_are_noticed_at_both_ends(
    serving: Serving, database: Database, directory: Path, tmp_path: Path, cluster: EmbeddedDatabase
) -> None:
    """As a dump that row-level security has emptied would have none."""
    file, emptied = tmp_path / "parley.backup", tmp_path / "emptied.backup"
    await parley("backup", str(file), **at(database, directory))
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(emptied, "w") as target:
        for name in source.namelist():
            lines = source.read(name).splitlines(keepends=True)
            if name == "database.sql":
                start = next(at for at, line in enumerate(lines) if line.startswith(b"COPY parley.logins "))
                assert lines[start + 1] != b"\\.\n"
                del lines[start + 1]
            target.writestr(name, b"".join(lines))
    with opened(emptied) as archive, pytest.raises(BackupError, match="logins has"):
        archive.verify()
    assert "logins has" in await refused_restore(emptied, tmp_path / "other", cluster)


@pytest.mark.parametrize(
    ("written", "instead", "reason"),
    [
        (rb'"parley": "[\d.]+"', b'"parley": "99.1.0"', "The backup is from Parley 99.1.0"),
        (rb"0001_feed", b"0001_foundation", "The backup was made before the release of 0.1.0"),
    ],
)
async def test_backup_of_another_version_is_refused_before_anything_is_restored(
    serving: Serving,
    database: Database,
    directory: Path,
    tmp_path: Path,
    cluster: EmbeddedDatabase,
    written: bytes,
    instead: bytes,
    reason: str,
) -> None:
    file, other = tmp_path / "parley.backup", tmp_path / "other.backup"
    await parley("backup", str(file), **at(database, directory))
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(other, "w") as target:
        for name in source.namelist():
            target.writestr(name, re.sub(written, instead, source.read(name)))
    assert reason in await refused_restore(other, tmp_path / "other", cluster)


async def test_database_that_was_never_migrated_has_nothing_to_back_up(
    empty_database: Database, directory: Path, tmp_path: Path
) -> None:
    own = at(empty_database, directory) | {"PARLEY_DATABASE_URL": empty_database.owner_url}
    status, said = await parley("backup", str(tmp_path / "parley.backup"), **own)
    assert (status, "has not been migrated" in said) == (1, True), said
    assert not (tmp_path / "parley.backup").exists()


async def test_backup_that_was_edited_runs_no_program(
    serving: Serving, database: Database, directory: Path, tmp_path: Path, cluster: EmbeddedDatabase
) -> None:
    file, edited, mark = tmp_path / "parley.backup", tmp_path / "edited.backup", tmp_path / "mark"
    await parley("backup", str(file), **at(database, directory))
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(edited, "w") as target:
        for name in source.namelist():
            lines = source.read(name).splitlines(keepends=True)
            if name == "database.sql":
                lines = [line for line in lines if b"restrict " not in line]
                lines.insert(0, f"\\! touch {mark}\n".encode())
            target.writestr(name, b"".join(lines))
    role = f"app_{uuid4().hex}"
    async with new_database(cluster, "template0") as other:
        own = at(other, tmp_path / "other") | {"PARLEY_DATABASE_URL": cluster.url(role, other.name)}
        status, said = await parley("restore", str(edited), **own)
        assert (status, "restricted" in said) == (1, True), said
        assert await value(other.owner_url, "SELECT to_regclass('parley.feeds')") is None
    assert not mark.exists()


async def test_role_that_row_level_security_binds_makes_no_backup_until_it_is_given_what_is_advised(
    serving: Serving, database: Database, directory: Path, tmp_path: Path, cluster: EmbeddedDatabase
) -> None:
    name = f"admin_{uuid4().hex}"
    await execute(database.owner_url, f"CREATE ROLE {name} LOGIN; GRANT parley_owner TO {name}")
    file = tmp_path / "parley.backup"
    file.write_text("an older one")
    own = at(database, directory) | {"PARLEY_OWNER_URL": cluster.url(name, database.name)}
    status, said = await parley("backup", str(file), **own)
    assert status == 1
    assert file.read_text() == "an older one"
    statement = said.partition("As a superuser: ")[2].strip()
    await execute(database.owner_url, statement)
    status, said = await parley("backup", str(file), **own)
    assert status == 0, said
    with opened(file) as archive:
        assert archive.manifest.rows == await counts(database.owner_url)
    assert os.listdir(tmp_path) == [file.name]
    await execute(database.owner_url, f"DROP OWNED BY {name}; DROP ROLE {name}")


async def test_keys_of_somebody_else_are_not_written_over(
    serving: Serving, database: Database, directory: Path, tmp_path: Path, cluster: EmbeddedDatabase
) -> None:
    file, keys = tmp_path / "parley.backup", tmp_path / "signing-keys.json"
    await parley("backup", str(file), **at(database, directory))
    with zipfile.ZipFile(file) as archive:
        assert archive.read(KEYS) == (directory / "signing-keys.json").read_bytes()
    keys.write_text("{}")
    role = f"app_{uuid4().hex}"
    async with new_database(cluster, "template0") as other:
        own = at(other, tmp_path) | {"PARLEY_DATABASE_URL": cluster.url(role, other.name)}
        status, said = await parley("restore", str(file), **own)
        assert (status, "and the backup contain different keys" in said) == (1, True), said
    assert keys.read_text() == "{}"


@pytest.mark.parametrize("command", ["backup", "restore"])
async def test_directory_without_a_database_is_no_reason_to_make_one(command: str, tmp_path: Path) -> None:
    fresh, file = tmp_path / "fresh", tmp_path / "file"
    (tmp_path / "keys.json").write_bytes(b"")
    file.write_text("no backup")
    status, said = await parley(command, str(file), PARLEY_DATA_DIR=str(fresh))
    assert (status, "Traceback" in said) == (1, False), said
    assert not fresh.exists()


async def test_administrator_of_the_page_backs_up_and_restores_without_being_a_superuser(tmp_path: Path) -> None:
    page = (ROOT / "deploy" / "README.md").read_text("utf-8")
    statements = re.findall(r"^CREATE (?:ROLE|DATABASE) .*;$", page, re.MULTILINE)
    file = str(tmp_path / "parley.backup")
    with data_directory() as fresh:
        embedded = await EmbeddedDatabase.start(fresh)
        try:
            for statement in [*statements, "CREATE DATABASE another OWNER parley_admin"]:
                await execute(embedded.owner_url, statement.replace("DATABASE parley ", "DATABASE own "))
            own, another = (
                Database(name, embedded.url("parley_admin", name), embedded.url("parley_app", name))
                for name in ("own", "another")
            )
            for command in (("migrate",), ("demo",)):
                status, said = await parley(*command, **at(own, tmp_path))
                assert status == 0, said
            load_or_create(tmp_path / "signing-keys.json")
            status, said = await parley("backup", file, **at(own, tmp_path))
            assert status == 0, said
            status, said = await parley("restore", file, **at(another, tmp_path))
            assert status == 0, said
            with opened(Path(file)) as archive:
                assert archive.manifest.rows == await counts(embedded.url("postgres", "another"))
                assert [role.name for role in archive.manifest.roles] == [
                    "parley_app",
                    "parley_owner",
                    "parley_runtime",
                ]
        finally:
            await embedded.stop()
