"""`parley report users`: who uses most."""

from __future__ import annotations

import datetime
import sys

from gateway.config import Settings
from gateway.data.queries import sql
from gateway.data.server.opening import bring_up_to_date, owner_connection, owner_transaction, reached_database
from gateway.telemetry.table import aligned

HEADINGS = ("user", "plan", "requests", "tokens", "cost in USD", "last call")
NUMBERS = range(2, 5)
"""The columns that are aligned to the right."""


async def report_users(settings: Settings, tokens_over: int, since: datetime.date | None, most: int) -> None:
    """Print the users who used more than so many tokens since a day (in UTC, or ever), most tokens first."""
    async with reached_database(settings) as database:
        await bring_up_to_date(database)
        async with owner_connection(database) as connection, owner_transaction(connection, readonly=True):
            await connection.execute("SELECT set_config('app.work', 'on', true)")
            query = sql.report.users.by_tokens
            values = {"tokens_over": tokens_over, "since": since, "most": most}
            rows = await connection.fetch(query.text, *query.arguments(None, values))
    lines = [HEADINGS]
    for row in rows:
        cost = f"{row['cost_usd']:,.6f}".rstrip("0").rstrip(".")
        plan = f"{row['plan_type']} ({row['plan_status']})"
        lines.append((row["email"], plan, f"{row['requests']:,}", f"{row['tokens']:,}", cost, f"{row['last_day']}"))
    sys.stdout.writelines(f"{line}\n" for line in aligned(lines, right=NUMBERS))
    sys.stdout.flush()
