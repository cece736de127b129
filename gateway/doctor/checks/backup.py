"""The last backup."""

from __future__ import annotations

import datetime
from pathlib import Path

from gateway.data.setup.catalogue import database_id
from gateway.doctor.check import Findings, check
from gateway.doctor.finding import NotChecked, note, warning
from gateway.doctor.installation import Installation
from gateway.doctor.units import duration
from gateway.records import BACKUP, kept

OLD = datetime.timedelta(days=7)


@check("Last backup")
async def last_backup(installation: Installation) -> Findings:
    """When `parley backup` last ran with this data directory. Other backups cannot be seen."""
    directory = installation.settings.data_dir
    try:
        noted = kept(directory, BACKUP)
    except OSError as refused:
        raise NotChecked(f"{directory / BACKUP} cannot be read: {refused.strerror}.") from None
    if noted is None or noted["database"] != await database_id(installation.connection):
        yield note(
            f"parley backup has left no trace in {directory}. Backups that are made by other means, or with another "
            "data directory, cannot be seen here."
        )
        return
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(noted["at"])
    facts = {"age_seconds": round(age.total_seconds()), "rows": noted["rows"], "file": noted["file"]}
    file = Path(noted["file"])
    problem = f"The last backup is {duration(age)} old: {noted['rows']:,} rows in {file}."
    if age > OLD:
        yield warning(
            problem,
            "Make one every day, and keep it on another machine.",
            command=f"parley backup {file.with_name('parley.backup')}",
            facts=facts,
        )
        return
    yield note(problem, facts=facts)
