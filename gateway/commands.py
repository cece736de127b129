"""The commands of `parley`, one function for each. It runs the command and returns the exit status.

What a command needs is imported when it runs, so that none waits for the modules of another.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import ClassVar

from gateway.config import Settings
from gateway.event_loop import run
from gateway.refusal import Refusal
from gateway.telemetry.progress import tell, unless_quick

SDL_FILE = Path("schema.graphql")
SQL_FILE = Path("sql", "schema.sql")


class WrongUse(Refusal):
    """The command line cannot be understood."""

    exit_status: ClassVar[int] = 2


def serve(settings: Settings, options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    with unless_quick("Loading Parley"):
        from gateway.process.serve import serve as serve_until_signal

    run(serve_until_signal(settings))
    return 0


def work(settings: Settings, options: argparse.Namespace) -> int:
    """Run background jobs until SIGTERM or Ctrl-C."""
    with unless_quick("Loading Parley"):
        from gateway.process.work import work as work_until_signal

    run(work_until_signal(settings))
    return 0


def jobs(settings: Settings, options: argparse.Namespace) -> int:
    """List the background jobs, queue failed ones again, or run one now."""
    from gateway.schema.build import domain_modules
    from gateway.work import jobs_command
    from gateway.work.declaration import jobs_of

    declared, which = jobs_of(domain_modules()), options.which
    match options.does:
        case "list" if which is None:
            said = run(jobs_command.listed(settings, declared))
        case "retry" if which == "all" or (which or "").isdecimal():
            said = run(jobs_command.retry(settings, None if which == "all" else int(which)))
        case "run" if which is not None:
            said = run(jobs_command.run_now(settings, declared, which))
        case _:
            raise WrongUse("Write: parley jobs, parley jobs retry ID, parley jobs retry all, or parley jobs run NAME")
    sys.stdout.write(said + "\n")
    return 0


def migrate(settings: Settings, options: argparse.Namespace) -> int:
    """Apply the migrations that the database does not have yet, and report how many."""
    from gateway.data.server.opening import bring_up_to_date, reached_database

    async def go() -> int:
        async with reached_database(settings) as database:
            applied = await bring_up_to_date(database)
        kinds = Counter("functions" if file.name.startswith("functions/") else "migrations" for file in applied)
        summary = " and ".join(f"{number} {kind}" for kind, number in kinds.items())
        tell(f"Applied {summary}." if applied else "The database is up to date.")
        return 0

    return run(go())


def schema(settings: Settings, options: argparse.Namespace) -> int:
    """Print, write or check one of the two schemas."""
    text = _sql() if options.sql else _sdl()
    file = SQL_FILE if options.sql else SDL_FILE
    if options.write:
        _write(file, text)
    elif options.check:
        if not file.exists() or _text_of(file) != text:
            raise Refusal(f"{file} is out of date. Run: make schema")
    else:
        sys.stdout.write(text)
        sys.stdout.flush()
    return 0


def demo(settings: Settings, options: argparse.Namespace) -> int:
    """Fill the database with demo data, or let a demo agent work until Ctrl-C."""
    if options.does == "agent":
        from gateway.demo.agent import work as work_as_agent

        # Not localhost: a browser shares its session only with the address that `parley serve` prints.
        run(work_as_agent(options.url or f"http://127.0.0.1:{settings.port}", tell, once=options.once))
        return 0
    if options.url or options.once:
        raise WrongUse("--url and --once belong to the agent: parley demo agent")
    from gateway import demo as loader
    from gateway.data.server.opening import open_database

    async def go() -> int:
        async with open_database(settings) as database:
            await loader.fill(database)
        return 0

    return run(go())


def backup(settings: Settings, options: argparse.Namespace) -> int:
    """Write the database, its roles and the signing keys to one file."""
    from gateway.backup.backup import back_up

    run(back_up(settings, options.file))
    return 0


def restore(settings: Settings, options: argparse.Namespace) -> int:
    """Restore a backup into an empty database."""
    from gateway.backup.restore import restore as bring_back

    run(bring_back(settings, options.file))
    return 0


def models_import(settings: Settings, options: argparse.Namespace) -> int:
    """Import models and their prices."""
    from gateway.llm_models.command import import_models

    run(import_models(settings, options.file, options.facts))
    return 0


def models_list(settings: Settings, options: argparse.Namespace) -> int:
    """List models."""
    from gateway.llm_models.command import Wanted, list_models

    wanted = Wanted(**{name: value for name, value in vars(options).items() if name in Wanted.__slots__ and value})
    run(list_models(settings, wanted))
    return 0


def plan_set(settings: Settings, options: argparse.Namespace) -> int:
    """Set the plan of a user."""
    from gateway.plans.command import set_plan

    run(set_plan(settings, options.user, options.plan, options.status))
    return 0


def plan_show(settings: Settings, options: argparse.Namespace) -> int:
    """Show the plan of a user."""
    from gateway.plans.command import show_plan

    run(show_plan(settings, options.user))
    return 0


def plan_quotas(settings: Settings, options: argparse.Namespace) -> int:
    """Set the quotas of plans."""
    from gateway.plans.command import set_quotas

    run(set_quotas(settings, options.file))
    return 0


def report_users(settings: Settings, options: argparse.Namespace) -> int:
    """Report the users who use most."""
    from gateway.report.users import report_users as report

    run(report(settings, options.tokens_over, options.since, options.most))
    return 0


def keys_list(settings: Settings, options: argparse.Namespace) -> int:
    """List the key-encryption keys."""
    from gateway.vault.command import list_keys

    run(list_keys(settings))
    return 0


def keys_rotate(settings: Settings, options: argparse.Namespace) -> int:
    """Add a key-encryption key and wrap all data keys with it, or add a signing key."""
    from gateway.vault.command import rotate_keys, rotate_signing

    if options.signing:
        rotate_signing(settings.signing_keys)
    else:
        run(rotate_keys(settings, resume=options.resume))
    return 0


def keys_drop(settings: Settings, options: argparse.Namespace) -> int:
    """Remove a key-encryption key."""
    from gateway.vault.command import drop_key

    run(drop_key(settings, options.id))
    return 0


def doctor(settings: Settings, options: argparse.Namespace) -> int:
    """Examine the installation. The exit status is that of the worst finding."""
    with unless_quick("Examining the installation"):
        from gateway.doctor.doctor import examine

        report = run(examine(settings, options.url))
    if options.json:
        sys.stdout.write(report.as_json().decode())
        sys.stdout.flush()
    else:
        report.print()
    return report.exit_status


def explain(settings: Settings, options: argparse.Namespace) -> int:
    """Print how an operation would run, and the SQL it would send."""
    from gateway.explain.explain import explain as explanation

    sys.stdout.write(explanation(_text_of(options.operation)))
    return 0


def _text_of(file: Path | None) -> str:
    """The text of a file, or of standard input."""
    try:
        return file.read_text(encoding="utf-8") if file else sys.stdin.read()
    except OSError as error:
        raise Refusal(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{file or 'Standard input'} is not UTF-8.") from error


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refusal(f"{file} cannot be written: {error.strerror}.") from error


def _sdl() -> str:
    from gateway.schema.build import sdl

    return sdl()


def _sql() -> str:
    from gateway.data.server.dump import schema_after_migrations

    return run(schema_after_migrations())
