"""Reads the settings from the environment, reports what is wrong with them, and writes their table."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import SettingsError

from gateway.config import PREFIX, ConfigError, Settings

SERVICE_LINK = re.compile(r"_SERVICE_(HOST|PORT)|_PORT_\d+_(TCP|UDP)")
"""Variables that Kubernetes adds to each container's environment for a service called parley."""

SERVICE_LINK_HINT = (
    " Kubernetes sets this one for a service called parley: switch that off with enableServiceLinks: false."
)


def read_settings(**overrides: Any) -> Settings:
    """The settings of this process. `overrides`, from the command line, take precedence over the environment.

    Raises `ConfigError`, which lists all invalid settings at once.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = [_problem(each) for each in error.errors(include_url=False) if "default_factory" not in each["type"]]
    except SettingsError as error:
        problems = [str(error)]
    raise ConfigError("These settings cannot be used:", problems)


def wanted_log_format() -> str:
    """The configured log format, read before the settings are validated."""
    name = variable("log_format")
    values = {key.upper(): value for key, value in {**_dotenv(), **os.environ}.items()}
    return values.get(name, "").strip().lower() or "auto"


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each `PARLEY_` variable that is not a setting, with the closest setting as a suggestion."""
    if environment is None:
        environment = {**_dotenv(), **os.environ}
    known = [variable(name) for name in Settings.model_fields]
    unknown = [
        name.upper()
        for name in environment
        if name.upper().startswith(PREFIX) and name.upper() not in known and not SERVICE_LINK.search(name.upper())
    ]
    return [_not_a_setting(name, known) for name in sorted(unknown)]


def _dotenv() -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(".env").items()}


def _not_a_setting(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1, cutoff=0.75)
    return f"{name} is not a setting." + (f" Did you mean {near[0]}?" if near else "")


def settings_table() -> str:
    """The settings as a Markdown table, in declaration order."""
    rows = [
        f"| `{variable(name)}` | {_shown_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field.upper()


def _shown_default(field: FieldInfo) -> str:
    shown = field.json_schema_extra.get("shown") if isinstance(field.json_schema_extra, dict) else None
    if shown is None:
        shown = "none" if field.default is None else f"`{str(field.default).lower()}`"
    return str(shown)


def _problem(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    reason = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    linked = name.endswith("port") and str(error["input"]).startswith("tcp://")
    value = "the value" if "url" in name or "secret" in name else repr(error["input"])
    meaning = Settings.model_fields[name].description
    return f"{variable(name)}: {value} {reason}. ({meaning})" + (SERVICE_LINK_HINT if linked else "")
