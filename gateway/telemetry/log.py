"""Logging: one stream of events on standard error, as text in a terminal and as JSON elsewhere.

Standard-library loggers (aiohttp, asyncpg) use the same processors as Parley's own, so that all log lines have the same
format, and none contains secrets or what people wrote to each other.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

import orjson
import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from gateway.telemetry.complaint import Repeats, bounded

if TYPE_CHECKING:
    from gateway.config import Settings

REDACTED = "[redacted]"

SECRET_KEY = re.compile(
    r"passw|secret|token|authorization|cookie|credential|api_?key|signing_?key|^content$|^prompt$",
    re.IGNORECASE,
)
"""Keys whose values are never logged, unless they are numbers: token counts are usage, not credentials."""

PASSWORD_IN_URL = re.compile(r"(?<=://)([^\s:/@]*):[^\s/@]+@")

_log = structlog.stdlib.get_logger("gateway")


def configure_logging(settings: Settings) -> None:
    """Apply the format and level in the settings to every log line of this process."""
    begin_logging(settings.log_format, settings.log_level)


def begin_logging(log_format: str, log_level: str = "info") -> None:
    """Set up logging in a format: `text`, `json`, or `auto`, which is text if standard error is a terminal."""
    readable = log_format == "text" or (log_format != "json" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if readable else "iso", utc=not readable),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = StandardError(json=not readable)
    handler.addFilter(Repeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(text_renderers(coloured=sys.stderr.isatty()) if readable else json_renderers()),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=log_level.upper(), force=True)
    logging.captureWarnings(True)


def writes_json() -> bool:
    """Whether lines on standard error must be JSON."""
    return any(isinstance(handler, StandardError) and handler.json for handler in logging.getLogger().handlers)


def report_crashes() -> None:
    """Log uncaught exceptions too if logs are JSON. Only for Parley's own processes, because it replaces hooks."""
    if writes_json():
        sys.excepthook = _log_crash
        threading.excepthook = _log_crash_of_thread
        sys.unraisablehook = _log_unraisable


def _log_crash(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    _log.critical("Crashed", exc_info=(kind, error, traceback))


def _log_crash_of_thread(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_value is not None:
        _log_crash(crash.exc_type, crash.exc_value, crash.exc_traceback)


def _log_unraisable(crash: sys.UnraisableHookArgs) -> None:
    error = crash.exc_value
    _log.error(crash.err_msg or "Ignored an exception", object=repr(crash.object), exc_info=error or True)


def redact(logger: WrappedLogger | None, method: str, event: EventDict) -> EventDict:
    """Redact the values of secret keys at any depth, and passwords in URLs within texts."""
    return {key: redacted(value, key) for key, value in event.items()}


def redacted(value: Any, key: object = None) -> Any:
    """Redact `value`, which is stored under `key`. Searches mappings and sequences."""
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(key, str) and SECRET_KEY.search(key):
        return REDACTED
    if isinstance(value, str):
        return PASSWORD_IN_URL.sub(r"\1:***@", value) if "://" in value else value
    if isinstance(value, Mapping):
        return {name: redacted(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(item) for item in value]
    return value


def text_renderers(*, coloured: bool) -> list[Processor]:
    """The processors that render an event as a line of text."""
    # Plain tracebacks, because rich would show the values of all variables.
    plain = structlog.dev.plain_traceback
    return [
        structlog.processors.format_exc_info,
        redact,
        bounded,
        structlog.dev.ConsoleRenderer(colors=coloured, pad_event_to=0, exception_formatter=plain),
    ]


def json_renderers() -> list[Processor]:
    """The processors that render an event as a line of JSON. Tracebacks are formatted first, to be redacted too."""
    return [
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
        redact,
        bounded,
        structlog.processors.JSONRenderer(serializer=to_json),
    ]


def to_json(event: EventDict, default: Any) -> str:
    """Serialize an event as JSON. Values that JSON does not support are written as their `repr`."""
    return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()


class StandardError(logging.StreamHandler[TextIO]):
    """Writes to the current `sys.stderr`, so that lines appear above a running spinner."""

    def __init__(self, *, json: bool) -> None:
        logging.Handler.__init__(self)
        self.json = json

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # the base class sets it once
        return sys.stderr
