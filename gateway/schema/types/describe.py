"""Descriptions from docstrings: that of the class, and the string below each attribute.

    seq: int
    \"\"\"Position in the conversation, from 1, without gaps.\"\"\"

The convention is Python's own (PEP 257, attribute docstrings). The interpreter discards these strings, so they are read
from the source, once per module, when the schema is declared.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import re
import sys
import tokenize
from types import ModuleType

from strawberry.utils.str_converters import to_snake_case


def summary(subject: object) -> str | None:
    """The docstring of a class or function, unwrapped into paragraphs."""
    text = getattr(subject, "__doc__", None)
    return unwrapped(text) if text else None


def words(cls: type) -> str:
    """The name of a class as separate words in lower case, except for abbreviations."""
    return " ".join(_ABBREVIATIONS.get(word, word) for word in to_snake_case(cls.__name__).split("_"))


def with_article(noun: str) -> str:
    """The noun with `a` or `an`, by its sound: "a user", "an hour"."""
    return f"{'an' if _SOUNDS_LIKE_A_VOWEL.match(noun) else 'a'} {noun}"


def sentence(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def plural(noun: str) -> str:
    """The plural of a noun. In a noun of several words, the last word changes."""
    for ending, many in _PLURALS.items():
        if re.search(f"{ending}$", noun):
            return re.sub(f"{ending}$", many, noun)
    return f"{noun}s"


_SOUNDS_LIKE_A_VOWEL = re.compile(r"(?!eu|one\b|uni|us[aeu]|ut[ei])[aeiou]|hour|honou?r|heir|llm\b", re.IGNORECASE)

_ABBREVIATIONS = {"llm": "LLM"}

_PLURALS = {
    "person": "people",
    "child": "children",
    "sis": "ses",
    "([^aeiou])y": r"\1ies",
    "(s|x|z|ch|sh)": r"\1es",
}
"""Endings of nouns and of their plurals. The first that matches counts."""


_HOLDS_STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)


def attributes(cls: type) -> dict[str, str]:
    """The docstrings of a class's attributes, by attribute."""
    return _of_module(sys.modules[cls.__module__])[cls.__qualname__]


@functools.cache
def _of_module(module: ModuleType) -> dict[str, dict[str, str]]:
    """The docstrings of all attributes in a module, by the qualified name of their class."""
    # Not by inspect.getsource(), which keeps the lines of every file in memory.
    with tokenize.open(inspect.getfile(module)) as file:
        pending: list[tuple[str, ast.AST]] = [("", ast.parse(file.read()))]
    found: dict[str, dict[str, str]] = {}
    while pending:
        prefix, node = pending.pop()
        if isinstance(node, ast.ClassDef):
            found[f"{prefix}{node.name}"] = _texts(node.body)
            prefix = f"{prefix}{node.name}."
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            prefix = f"{prefix}{node.name}.<locals>."
        pending.extend((prefix, child) for child in ast.iter_child_nodes(node) if isinstance(child, _HOLDS_STATEMENTS))
    return found


def _texts(body: list[ast.stmt]) -> dict[str, str]:
    texts = {}
    for statement, following in itertools.pairwise(body):
        name = _assigned(statement)
        if name and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            texts[name] = unwrapped(str(following.value.value))
    return texts


def _assigned(statement: ast.stmt) -> str | None:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return None


def unwrapped(text: str) -> str:
    """The text with each paragraph on one line."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
