"""The `parley` command line. Each command is one function. A refusal is printed as a message, without a traceback."""

from __future__ import annotations

import argparse
import importlib.metadata
import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import ClassVar, NoReturn, get_args

import structlog

from gateway.config import Plan, Settings
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

    _command(commands, "work", work, "Run background jobs without serving. Any number of processes may do so.")

    one = _command(commands, "jobs", jobs, "List the background jobs, queue failed ones again, or run one now.")
    one.add_argument("does", nargs="?", choices=("list", "retry", "run"), default="list", help="default: list")
    one.add_argument("which", nargs="?", help="retry: the number of a failed job, or all; run: the name of a job")

    _command(commands, "migrate", migrate, "Apply the migrations that the database does not have yet.")

    one = _command(commands, "schema", schema, "Print the GraphQL schema.")
    one.add_argument("--sql", action="store_true", help="print the database schema that the migrations produce instead")
    end = one.add_mutually_exclusive_group()
    end.add_argument("--check", action="store_true", help=f"fail if {SDL_FILE} (with --sql, {SQL_FILE}) is out of date")
    end.add_argument("--write", action="store_true", help=f"write {SDL_FILE} (with --sql, {SQL_FILE})")

    one = _command(commands, "demo", demo, "Fill the database with demo data, or let a demo agent work.")
    one.add_argument("does", nargs="?", choices=("data", "agent"), default="data", help="default: data")
    one.add_argument(
        "--url",
        metavar="URL",
        help="agent: the address of the gateway; default: http://127.0.0.1 with the port of the settings",
    )
    one.add_argument("--once", action="store_true", help="agent: end after the first answer")

    one = _command(commands, "backup", backup, "Write the database, its roles and the signing keys to one file.")
    one.add_argument("file", type=Path, metavar="FILE", help="the file to write; an existing one is replaced")

    one = _command(commands, "restore", restore, "Restore a backup into an empty database.")
    one.add_argument("file", type=Path, metavar="FILE", help="a file written by `parley backup`")

    models = commands.add_parser("models", help="Import language models and their prices, or list them.")
    _models_commands(models.add_subparsers(title="commands", metavar="{import,list}", required=True))
    plans = commands.add_parser("plan", help="Set or show the plan of a user, and set the quotas of plans.")
    _plan_commands(plans.add_subparsers(title="commands", metavar="{set,show,quotas}", required=True))
    keys = commands.add_parser("keys", help="List, rotate or drop the keys that seal the secrets of users.")
    _keys_commands(keys.add_subparsers(title="commands", metavar="{list,rotate,drop}", required=True))
    one = _command(commands, "doctor", doctor, "Examine the installation, and say what to do about each finding.")
    one.add_argument("--url", metavar="URL", help="the address that clients use, such as https://parley.example.org")
    one.add_argument("--json", action="store_true", help="print JSON, for scripts")
    one.epilog = "Exit status: 0 without warnings, 1 with warnings, 2 if something is unsafe or broken."

    one = _command(commands, "explain", explain, "Print how an operation would run, and the SQL it would send.")
    one.add_argument("operation", nargs="?", type=Path, help="file with the operation; default: standard input")
    return top


def _models_commands(commands: argparse._SubParsersAction[_Parser]) -> None:
    one = _command(
        commands,
        "import",
        models_import,
        "Import models and their prices. Models that are not in the data are retired.",
    )
    one.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="JSON in the form of genai-prices' data.json; default: the installed package genai-prices",
    )
    one.add_argument("--facts", type=Path, metavar="FILE", help="JSON with scores, abilities and limits of models")

    one = _command(commands, "list", models_list, "List models, with the prices of a million tokens in US dollars.")
    one.add_argument("--provider", action="append", help="only of this provider; may be given several times")
    for ability in ("vision", "tools", "system"):
        one.add_argument(f"--{ability}", action="store_true", help=f"only models that support {ability}")
    one.add_argument("--tier1", dest="important", action="store_true", help="only of the most important providers")
    one.add_argument("--retired", action="store_true", help="also models that are no longer offered")
    one.add_argument("--context-window", type=_count, metavar="N", help="only with at least so many tokens")
    one.add_argument("--price-below", type=_amount, metavar="USD", help="only if a million input tokens cost less")
    one.add_argument("--order", choices=("quality", "latency", "price", "name"), default="quality")


def _plan_commands(commands: argparse._SubParsersAction[_Parser]) -> None:
    one = _command(commands, "set", plan_set, "Set the plan of a user, whatever the subscriptions say from then on.")
    one.add_argument("user", metavar="EMAIL", help="the user's e-mail address or user name")
    one.add_argument(
        "plan",
        choices=(*get_args(Plan), "subscription"),
        metavar="PLAN",
        help=f"{', '.join(get_args(Plan))}, or subscription: the plan that the subscriptions give",
    )
    one.add_argument(
        "--status", choices=("active", "trialing", "past_due", "cancelled"), default="active", help="default: active"
    )
    one = _command(commands, "show", plan_show, "Show the plan of a user, the subscriptions and the plan's quotas.")
    one.add_argument("user", metavar="EMAIL", help="the user's e-mail address or user name")
    one = _command(commands, "quotas", plan_quotas, "Set the quotas of plans, also those of their present users.")
    one.add_argument("file", type=Path, metavar="FILE", help="JSON: a list of quotas for each plan")


def _keys_commands(commands: argparse._SubParsersAction[_Parser]) -> None:
    _command(
        commands, "list", keys_list, "List the key-encryption keys, their ages, and how many data keys each wraps."
    )

    meaning = "Add a key-encryption key, and wrap the data keys of all users with it, while gateways serve."
    one = _command(commands, "rotate", keys_rotate, meaning)
    end = one.add_mutually_exclusive_group()
    end.add_argument("--resume", action="store_true", help="add no key, and wrap what a rotation before has left")
    end.add_argument("--signing", action="store_true", help="add a signing key instead; then restart all gateways")

    meaning = "Remove a key-encryption key from the keys file. One that still wraps a data key is refused."
    one = _command(commands, "drop", keys_drop, meaning)
    one.add_argument("id", metavar="ID", help="the id of the key, as parley keys list shows it")


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
    from gateway.work import report
    from gateway.work.declaration import jobs_of

    declared, which = jobs_of(domain_modules()), options.which
    match options.does:
        case "list" if which is None:
            said = run(report.listed(settings, declared))
        case "retry" if which == "all" or (which or "").isdecimal():
            said = run(report.retry(settings, None if which == "all" else int(which)))
        case "run" if which is not None:
            said = run(report.run_now(settings, declared, which))
        case _:
            raise _WrongUse("Write: parley jobs, parley jobs retry ID, parley jobs retry all, or parley jobs run NAME")
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
        raise _WrongUse("--url and --once belong to the agent: parley demo agent")
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


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount")
    return amount


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of tokens")
    return int(text)


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
