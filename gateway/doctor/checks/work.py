"""Background work: jobs that failed, and jobs that nobody takes."""

from __future__ import annotations

from gateway.doctor.check import Findings, check
from gateway.doctor.finding import NotChecked, warning
from gateway.doctor.installation import Installation
from gateway.doctor.units import duration, number

QUEUE = "parley_work.pgqueuer"

SEES_THE_QUEUE = "SELECT set_config('app.work', 'on', false)"
"""The queue is empty to connections without this."""

LATE_SECONDS = 600.0
"""A job that is due waits less than this, also one whose process died, from the end of its lease on."""

JOBS = """
SELECT entrypoint AS name,
       count(*) FILTER (WHERE status::text = 'failed') AS failed,
       count(*) FILTER (WHERE status::text = 'picked' AND heartbeat < now() - make_interval(secs => $2)) AS stuck,
       count(*) FILTER (WHERE status::text = 'queued' AND execute_after < now() - make_interval(secs => $1)) AS late,
       extract(epoch FROM now() - min(execute_after) FILTER (WHERE status::text = 'queued'))::float8 AS waits
FROM parley_work.pgqueuer
GROUP BY entrypoint
ORDER BY entrypoint
"""


@check("Background jobs")
async def jobs(installation: Installation) -> Findings:
    """Jobs that failed for good, that a dead process left, or that no process takes."""
    connection = installation.serving
    if await connection.fetchval("SELECT to_regclass($1)", QUEUE) is None:
        raise NotChecked("This database has no background jobs.")
    await connection.execute(SEES_THE_QUEUE)
    late, lease = [], installation.settings.work_lease_seconds
    for row in await connection.fetch(JOBS, LATE_SECONDS, LATE_SECONDS + lease):
        name, failed = row["name"], row["failed"]
        if failed:
            yield warning(
                f"{number(failed, f'{name} job')} failed for good. The reasons: parley jobs",
                "When the cause is removed:",
                command="parley jobs retry all",
                subject=name,
                facts={"failed": failed},
            )
        if row["stuck"] or row["late"]:
            late.append(row)
    if late:
        count = sum(row["stuck"] + row["late"] for row in late)
        longest = max(row["waits"] or 0.0 for row in late)
        yield warning(
            f"{number(count, 'job')} waited for too long, or were left by a process that died: "
            f"{', '.join(row['name'] for row in late)}. The oldest has waited for {duration(longest)}.",
            "No process works, or too few do. Processes with PARLEY_WORK=false leave it to others:",
            command="parley work",
            facts={"jobs": count, "longest_seconds": round(longest)},
        )
