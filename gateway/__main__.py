"""The `parley` command line: its options, and how it ends. A refusal is printed as a message, without a traceback."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import logging
import sys
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NoReturn, get_args

import structlog

from gateway import commands
from gateway.config import Plan, Settings
from gateway.environment import read_settings, unknown_variables, wanted_log_format
from gateway.refusal import Refusal
from gateway.telemetry.log import begin_logging, configure_logging, report_crashes
from gateway.telemetry.progress import tell

INTERRUPTED = 130
"""Exit status after Ctrl-C, by shell convention."""


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
    named = top.add_subparsers(title="commands", metavar="command", required=True)

    one = _command(
        named, "serve", commands.serve, "Serve the API. Without PARLEY_DATABASE_URL, use an embedded database."
    )
    one.add_argument("--host", help="address to listen on")
    one.add_argument("--port", type=int, help="TCP port to listen on; 0 picks a free one")
    one.add_argument("--workers", type=int, help="number of processes that serve the port")

    _command(named, "work", commands.work, "Run background jobs without serving. Any number of processes may do so.")

    one = _command(named, "jobs", commands.jobs, "List the background jobs, queue failed ones again, or run one now.")
    one.add_argument("does", nargs="?", choices=("list", "retry", "run"), default="list", help="default: list")
    one.add_argument("which", nargs="?", help="retry: the number of a failed job, or all; run: the name of a job")

    _command(named, "migrate", commands.migrate, "Apply the migrations that the database does not have yet.")

    one = _command(named, "schema", commands.schema, "Print the GraphQL schema.")
    one.add_argument("--sql", action="store_true", help="print the database schema that the migrations produce instead")
    end = one.add_mutually_exclusive_group()
    end.add_argument(
        "--check",
        action="store_true",
        help=f"fail if {commands.SDL_FILE} (with --sql, {commands.SQL_FILE}) is out of date",
    )
    end.add_argument(
        "--write", action="store_true", help=f"write {commands.SDL_FILE} (with --sql, {commands.SQL_FILE})"
    )

    one = _command(named, "demo", commands.demo, "Fill the database with demo data, or let a demo agent work.")
    one.add_argument("does", nargs="?", choices=("data", "agent"), default="data", help="default: data")
    one.add_argument(
        "--url",
        metavar="URL",
        help="agent: the address of the gateway; default: http://127.0.0.1 with the port of the settings",
    )
    one.add_argument("--once", action="store_true", help="agent: end after the first answer")

    one = _command(named, "backup", commands.backup, "Write the database, its roles and the signing keys to one file.")
    one.add_argument("file", type=Path, metavar="FILE", help="the file to write; an existing one is replaced")

    one = _command(named, "restore", commands.restore, "Restore a backup into an empty database.")
    one.add_argument("file", type=Path, metavar="FILE", help="a file written by `parley backup`")

    models = named.add_parser("models", help="Import language models and their prices, or list them.")
    _models_commands(models.add_subparsers(title="commands", metavar="{import,list}", required=True))
    plans = named.add_parser("plan", help="Set or show the plan of a user, and set the quotas of plans.")
    _plan_commands(plans.add_subparsers(title="commands", metavar="{set,show,quotas}", required=True))
    report = named.add_parser("report", help="Report the users who use most.")
    _report_commands(report.add_subparsers(title="commands", metavar="{users}", required=True))

    keys = named.add_parser("keys", help="List, rotate or drop the keys that seal the secrets of users.")
    _keys_commands(keys.add_subparsers(title="commands", metavar="{list,rotate,drop}", required=True))
    one = _command(named, "doctor", commands.doctor, "Examine the installation, and say what to do about each finding.")
    one.add_argument("--url", metavar="URL", help="the address that clients use, such as https://parley.example.org")
    one.add_argument("--json", action="store_true", help="print JSON, for scripts")
    one.epilog = "Exit status: 0 without warnings, 1 with warnings, 2 if something is unsafe or broken."

    one = _command(named, "explain", commands.explain, "Print how an operation would run, and the SQL it would send.")
    one.add_argument("operation", nargs="?", type=Path, help="file with the operation; default: standard input")
    return top


def _models_commands(named: argparse._SubParsersAction[_Parser]) -> None:
    one = _command(
        named,
        "import",
        commands.models_import,
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

    one = _command(
        named, "list", commands.models_list, "List models, with the prices of a million tokens in US dollars."
    )
    one.add_argument("--provider", action="append", help="only of this provider; may be given several times")
    for ability in ("vision", "tools", "system"):
        one.add_argument(f"--{ability}", action="store_true", help=f"only models that support {ability}")
    one.add_argument("--tier1", dest="important", action="store_true", help="only of the most important providers")
    one.add_argument("--retired", action="store_true", help="also models that are no longer offered")
    one.add_argument("--context-window", type=_count, metavar="N", help="only with at least so many tokens")
    one.add_argument("--price-below", type=_amount, metavar="USD", help="only if a million input tokens cost less")
    one.add_argument("--order", choices=("quality", "latency", "price", "name"), default="quality")


def _plan_commands(named: argparse._SubParsersAction[_Parser]) -> None:
    one = _command(
        named, "set", commands.plan_set, "Set the plan of a user, whatever the subscriptions say from then on."
    )
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
    one = _command(
        named, "show", commands.plan_show, "Show the plan of a user, the subscriptions and the plan's quotas."
    )
    one.add_argument("user", metavar="EMAIL", help="the user's e-mail address or user name")
    one = _command(named, "quotas", commands.plan_quotas, "Set the quotas of plans, also those of their present users.")
    one.add_argument("file", type=Path, metavar="FILE", help="JSON: a list of quotas for each plan")


def _report_commands(named: argparse._SubParsersAction[_Parser]) -> None:
    one = _command(named, "users", commands.report_users, "List the users with most tokens, and what they cost.")
    one.add_argument("--tokens-over", type=_count, default=0, metavar="N", help="only with more than so many tokens")
    one.add_argument("--since", type=_date, metavar="DAY", help="count only from this day (in UTC), such as 2026-01-31")
    one.add_argument("--most", type=_count, default=100, metavar="N", help="at most so many users; default: 100")


def _keys_commands(named: argparse._SubParsersAction[_Parser]) -> None:
    _command(
        named,
        "list",
        commands.keys_list,
        "List the key-encryption keys, their ages, and how many data keys each wraps.",
    )

    meaning = "Add a key-encryption key, and wrap the data keys of all users with it, while gateways serve."
    one = _command(named, "rotate", commands.keys_rotate, meaning)
    end = one.add_mutually_exclusive_group()
    end.add_argument("--resume", action="store_true", help="add no key, and wrap what a rotation before has left")
    end.add_argument("--signing", action="store_true", help="add a signing key instead; then restart all gateways")

    meaning = "Remove a key-encryption key from the keys file. One that still wraps a data key is refused."
    one = _command(named, "drop", commands.keys_drop, meaning)
    one.add_argument("id", metavar="ID", help="the id of the key, as parley keys list shows it")


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount")
    return amount


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day like 2026-01-31") from None


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of tokens")
    return int(text)


def _command(
    named: argparse._SubParsersAction[_Parser],
    name: str,
    function: Callable[[Settings, argparse.Namespace], int],
    meaning: str,
) -> argparse.ArgumentParser:
    command = named.add_parser(name, help=meaning, description=meaning)
    command.set_defaults(command=function)
    return command


class _Parser(argparse.ArgumentParser):
    """Reports errors as a `Refusal`, so that they are printed in the format of the log."""

    def error(self, message: str) -> NoReturn:
        raise commands.WrongUse(f"{message}\n{self.format_usage().strip()}")


if __name__ == "__main__":
    sys.exit(main())
