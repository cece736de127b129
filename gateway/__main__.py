"""The command `parley`. Each command is one function; what it refuses is one message, not a traceback."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from gateway.config import Settings, read_settings, unknown_variables
from gateway.event_loop import run
from gateway.progress import tell
from gateway.refusal import Refusal
from gateway.telemetry import configure_logging

INTERRUPTED = 130
"""The exit status of a program that Ctrl-C ended, by convention of the shell."""

SDL_FILE = Path("schema.graphql")
SQL_FILE = Path("sql", "schema.sql")

log = structlog.stdlib.get_logger("gateway")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return the exit status."""
    given = parser().parse_args(arguments)
    try:
        chosen = {name: value for name in ("host", "port", "workers") if (value := vars(given).get(name)) is not None}
        settings = read_settings(**chosen)
        configure_logging(settings)
        for problem in unknown_variables():
            log.warning(problem)
        status: int = given.command(settings, given)
    except Refusal as refusal:
        tell(f"parley: {refusal}")
        return refusal.exit_status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        sys.stderr.close()
        return 0
    return status


def parser() -> argparse.ArgumentParser:
    """What the command line may say."""
    top = argparse.ArgumentParser(prog="parley", description="A GraphQL gateway for AI conversations.")
    commands = top.add_subparsers(title="commands", metavar="command", required=True)

    one = _command(commands, "serve", serve, "Serve the API. Without PARLEY_DATABASE_URL, on an embedded database.")
    one.add_argument("--host", help="address to listen on")
    one.add_argument("--port", type=int, help="TCP port to listen on; 0 takes any free one")
    one.add_argument("--workers", type=int, help="processes that serve on the port")

    _command(commands, "migrate", migrate, "Bring the database up to date.")

    one = _command(commands, "schema", schema, "Print the GraphQL schema.")
    one.add_argument("--sql", action="store_true", help="the schema of the database instead, as its migrations make it")
    end = one.add_mutually_exclusive_group()
    end.add_argument("--check", action="store_true", help=f"fail if {SDL_FILE} (or {SQL_FILE}) differs")
    end.add_argument("--write", action="store_true", help=f"write it to {SDL_FILE} (or {SQL_FILE})")

    _command(commands, "demo", demo, "Fill the database with demo data.")

    one = _command(commands, "explain", explain, "Print what an operation would ask the database.")
    one.add_argument("operation", nargs="?", type=Path, help="file of the operation; standard input without it")
    return top


def serve(settings: Settings, given: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    from gateway.serve import serve as serve_until_told

    run(serve_until_told(settings))
    return 0


def migrate(settings: Settings, given: argparse.Namespace) -> int:
    """Bring the database up to date, and say what that took."""
    from gateway.data.opening import bring_up_to_date, reached_database

    async def go() -> int:
        async with reached_database(settings) as database:
            applied = await bring_up_to_date(database)
        tell(f"Applied {len(applied)} migrations." if applied else "The database is up to date.")
        return 0

    return run(go())


def schema(settings: Settings, given: argparse.Namespace) -> int:
    """Print, write or check one of the two schemas."""
    text = _sql() if given.sql else _sdl()
    file = SQL_FILE if given.sql else SDL_FILE
    if given.write:
        file.write_text(text, encoding="utf-8")
    elif given.check:
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            raise Refusal(f"{file} is not what the code makes. Run: make schema")
    else:
        sys.stdout.write(text)
        sys.stdout.flush()
    return 0


def demo(settings: Settings, given: argparse.Namespace) -> int:
    """Fill the database with demo data."""
    from gateway import demo as loader
    from gateway.data.opening import open_database

    async def go() -> int:
        async with open_database(settings) as database:
            await loader.fill(database)
        return 0

    return run(go())


def explain(settings: Settings, given: argparse.Namespace) -> int:
    """Print what an operation would ask the database."""
    from gateway.execution.explain import explain as explanation

    text = given.operation.read_text(encoding="utf-8") if given.operation else sys.stdin.read()
    sys.stdout.write(explanation(text))
    return 0


def _sdl() -> str:
    from gateway.schema.build import sdl

    return sdl()


def _sql() -> str:
    from gateway.data.dump import schema_after_migrations

    return run(schema_after_migrations())


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    function: Callable[[Settings, argparse.Namespace], int],
    meaning: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=meaning, description=meaning)
    command.set_defaults(command=function)
    return command


if __name__ == "__main__":
    sys.exit(main())
