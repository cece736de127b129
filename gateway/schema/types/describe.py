"""Descriptions from docstrings: that of the class, and the string below each attribute.

    seq: int
    \"\"\"Position in the conversation, from 1, without gaps.\"\"\"

The convention is Python's own (PEP 257, attribute docstrings). The interpreter discards these strings, so they are read
from the source, once per class, when the schema is declared.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap

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


def attributes(cls: type) -> dict[str, str]:
    """The docstrings of a class's attributes, by attribute."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
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
