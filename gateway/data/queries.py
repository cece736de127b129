"""The hand-written queries of `sql/queries/`, by path: `sql.tools.execution.move` is in `tools/execution.sql`.

Each query in a file starts with a line `-- name: move`, followed by a line with its purpose. Parameters are written
`:name`, as in psql. `:user_id` is always the caller and is bound by the engine. `:columns` stands for the columns of
the entity that the query returns.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SQL_DIRECTORY = Path(__file__).resolve().parents[2] / "sql"

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")


@dataclass(frozen=True, slots=True)
class Query:
    """A statement and the names of its parameters by position. `user_id`, if used, comes first."""

    name: str
    text: str
    parameters: tuple[str, ...]

    def returning(self, columns: tuple[str, ...]) -> str:
        """The statement's text with `:columns` replaced."""
        return self.text.replace(":columns", ", ".join(columns))

    def arguments(self, user_id: Any, values: dict[str, Any]) -> list[Any]:
        """The values by position. Raises `TypeError` for a missing or unknown name, which is a bug."""
        bound = {"user_id": user_id, **values} if "user_id" in self.parameters else values
        if bound.keys() != set(self.parameters):
            raise TypeError(f"{self.name} takes {self.parameters}, not {tuple(values)}")
        return [bound[name] for name in self.parameters]

    def after_caller(self, values: dict[str, Any]) -> list[Any]:
        """The values after the caller's id. Raises `TypeError` if the query does not select by it, which is a bug."""
        if self.parameters[:1] != ("user_id",):
            raise TypeError(f"{self.name} does not select by :user_id")
        return self.arguments(None, values)[1:]


def parse(name: str, text: str) -> Query:
    """Replace `:name` by positional parameters. The tenant, if used, is `$1`."""
    positions = {"user_id": 1} if ":user_id" in text else {}

    def numbered(match: re.Match[str]) -> str:
        if match[1] == "columns":
            return match[0]
        return f"${positions.setdefault(match[1], len(positions) + 1)}"

    return Query(name, _PARAMETER.sub(numbered, text).strip().rstrip(";"), tuple(positions))


class Folder:
    """A folder of queries. Its attributes are the folders and files in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        folder = self._path / name
        child = Folder(folder) if folder.is_dir() else QueryFile(folder.with_suffix(".sql"))
        setattr(self, name, child)
        return child


class QueryFile:
    """The queries of one file, read at first use."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @functools.cached_property
    def _queries(self) -> dict[str, Query]:
        _, *parts = _NAME.split(self._path.read_text(encoding="utf-8"))
        where = ".".join(self._path.relative_to(SQL_DIRECTORY / "queries").with_suffix("").parts)
        return {name: parse(f"{where}.{name}", text) for name, text in zip(parts[::2], parts[1::2], strict=True)}

    def __getattr__(self, name: str) -> Query:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._queries[name]


sql: Any = Folder(SQL_DIRECTORY / "queries")
