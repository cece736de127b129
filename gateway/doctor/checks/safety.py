"""What `parley serve` refuses to start with, by the same functions, and what it refuses to migrate."""

from __future__ import annotations

import re

from gateway.data.server.opening import Behind, OpenDatabase, refuse_behind
from gateway.data.setup.functions import VERSION, read_functions, refuse_newer
from gateway.data.setup.guard import UnsafeDatabase, refuse_unsafe
from gateway.data.setup.migrate import APPLIED_FUNCTIONS, applied_migrations, pending
from gateway.data.setup.migration import MigrationError, read_migrations
from gateway.doctor.check import Findings, check
from gateway.doctor.finding import NotChecked, error, note, warning
from gateway.doctor.installation import Installation, served_schema
from gateway.schema.agreement import declared, disagreements

REMEDY = re.compile(r": ((?:ALTER|CREATE|DROP|REASSIGN|REVOKE) .*;)$", re.DOTALL)
"""The statement at the end of a refusal."""


@check("Connection to the database")
async def connection(installation: Installation) -> Findings:
    """Whether both roles can connect."""
    if installation.refusal is not None:
        yield error(str(installation.refusal), "parley serve refuses to start.")
    if installation.owner_refusal is not None:
        yield warning(str(installation.owner_refusal), "Migrations and backups are not possible.")


@check("Migrations")
async def migrations(installation: Installation) -> Findings:
    """Whether the database has the migrations and functions of this version, and no others."""
    serving, database = installation.serving, installation.database
    assert database is not None  # noqa: S101 - there is a connection to it
    try:
        # Without the owner's URL, so that the refusal says what is missing and how to add it.
        await refuse_behind(serving, OpenDatabase(database.runtime_url, None))
    except Behind as refusal:
        # With the owner's URL, parley serve migrates before it serves.
        make = error if database.owner_url is None else warning
        yield make(str(refusal), command="parley migrate")
        return
    except MigrationError as refusal:
        yield error(str(refusal), "parley serve refuses to start.")
        return
    known = {migration.number for migration in read_migrations()}
    if newer := [past.name for past in await applied_migrations(serving) if past.number not in known]:
        yield warning(
            f"The database has migrations of a newer Parley: {', '.join(newer)}. This version may serve beside it "
            "during an upgrade, but cannot migrate.",
            "Install the newer version.",
        )


@check("Functions of the database")
async def functions(installation: Installation) -> Findings:
    """Whether the functions in the database are those of this version."""
    rows = await installation.serving.fetch(APPLIED_FUNCTIONS)
    try:
        refuse_newer({row["parley"] for row in rows})
    except MigrationError as refusal:
        yield warning(str(refusal), "Install the newer version.")
        return
    files = {file.name for file in read_functions()}
    for row in rows:
        if row["name"] not in files:
            yield note(
                f"{row['name']}, of Parley {row['parley']}, is not part of Parley {VERSION}.", subject=row["name"]
            )


@check("Roles, rights and row-level security")
async def row_security(installation: Installation) -> Findings:
    """Whether row-level security applies to every user's rows."""
    await applied_migrations(installation.serving)  # before the first one there is nothing to protect
    try:
        await refuse_unsafe(installation.serving)
    except UnsafeDatabase as refusal:
        for text in refusal.problems:
            remedy = REMEDY.search(text)
            problem, sql = (f"{text[: remedy.start()]}.", remedy[1]) if remedy else (text, "")
            yield error(problem, "parley serve refuses to start. As a superuser:" if sql else "", sql=sql)


@check("Declarations and tables")
async def declarations(installation: Installation) -> Findings:
    """Whether the tables and their indexes are as the types of the schema need them."""
    if await pending(installation.serving):
        raise NotChecked("The database lacks migrations or functions.")
    for problem in disagreements(*declared(served_schema()), await installation.catalogue()):
        yield error(problem, "parley serve refuses to start.")
