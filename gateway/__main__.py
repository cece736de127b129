"""The `parley` command line. Each command is one function. A refusal is printed as a message, without a traceback."""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar, NoReturn

import structlog

from gateway.config import Settings
from gateway.environment import read_settings, unknown_variables, wanted_log_format
from gateway.event_loop import run
from gateway.refusal import Refusal
from gateway.telemetry.log import begin_logging, configure_logging, report_crashes
from gateway.telemetry.progress import tell, unless_quick

INTERRUPTED = 130
"""Exit status after Ctrl-C, by shell convention."""

SDL_FILE = Path("schema.graphql")
SQL_FILE = Path("sql", "schema.sql")

log = structlog.stdlib.get_logger("gateway")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return the exit status."""
    # Before anything can fail, so that failures are reported in the format of the log.
    begin_logging(wanted_log_format())
    report_crashes()
    try:
        options = parser().parse_args(arguments)
        chosen = {name: value for name in ("host", "port", "workers") if (value := vars(options).get(name)) is not None}
        settings = read_settings(**chosen)
        configure_logging(settings)
        for problem in unknown_variables():
            log.warning(problem)
        status: int = options.command(settings, options)
    except Refusal as refusal:
        tell(f"parley: {refusal}", logging.ERROR)
        return refusal.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output, such as `head`, has stopped reading.
        sys.stderr.close()
        return 0
    return status


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = _Parser(prog="parley", description="A GraphQL gateway for AI conversations.")
    top.add_argument("--version", action="version", version=f"parley {importlib.metadata.version('parley')}")
    commands = top.add_subparsers(title="commands", metavar="command", required=True)

    one = _command(commands, "serve", serve, "Serve the API. Without PARLEY_DATABASE_URL, use an embedded database.")
    one.add_argument("--host", help="address to listen on")
    one.add_argument("--port", type=int, help="TCP port to listen on; 0 picks a free one")
    one.add_argument("--workers", type=int, help="number of processes that serve the port")

    _command(commands, "migrate", migrate, "Apply the migrations that the database does not have yet.")

    one = _command(commands, "schema", schema, "Print the GraphQL schema.")
    one.add_argument("--sql", action="store_true", help="print the database schema that the migrations produce instead")
    end = one.add_mutually_exclusive_group()
    end.add_argument("--check", action="store_true", help=f"fail if {SDL_FILE} (with --sql, {SQL_FILE}) is out of date")
    end.add_argument("--write", action="store_true", help=f"write {SDL_FILE} (with --sql, {SQL_FILE})")

    _command(commands, "demo", demo, "Fill the database with demo data.")

    one = _command(commands, "backup", backup, "Write the database, its roles and the signing keys to one file.")
    one.add_argument("file", type=Path, metavar="FILE", help="the file to write; an existing one is replaced")

    one = _command(commands, "restore", restore, "Restore a backup into an empty database.")
    one.add_argument("file", type=Path, metavar="FILE", help="a file written by `parley backup`")

    one = _command(commands, "doctor", doctor, "Examine the installation, and say what to do about each finding.")
    one.add_argument("--url", metavar="URL", help="the address that clients use, such as https://parley.example.org")
    one.add_argument("--json", action="store_true", help="print JSON, for scripts")
    one.epilog = "Exit status: 0 without warnings, 1 with warnings, 2 if something is unsafe or broken."

    one = _command(commands, "explain", explain, "Print how an operation would run, and the SQL it would send.")
    one.add_argument("operation", nargs="?", type=Path, help="file with the operation; default: standard input")
    return top


def serve(settings: Settings, options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    with unless_quick("Loading Parley"):
        from gateway.process.serve import serve as serve_until_signal

    run(serve_until_signal(settings))
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
    """Fill the database with demo data."""
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


def _command(
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    function: Callable[[Settings, argparse.Namespace], int],
    meaning: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=meaning, description=meaning)
    command.set_defaults(command=function)
    return command


class _WrongUse(Refusal):
    """The command line cannot be understood."""

    exit_status: ClassVar[int] = 2


class _Parser(argparse.ArgumentParser):
    """Reports errors as a `Refusal`, so that they are printed in the format of the log."""

    def error(self, message: str) -> NoReturn:
        raise _WrongUse(f"{message}\n{self.format_usage().strip()}")


if __name__ == "__main__":
    sys.exit(main())
