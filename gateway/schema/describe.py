"""Descriptions from docstrings: of the class, and the string that stands under an attribute.

    seq: int
    \"\"\"Position in the conversation, from 1, without gaps.\"\"\"

The convention is Python's own (PEP 257, attribute docstrings); the interpreter throws those strings away, so they are
read from the source, once per class while the schema is declared.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap

from strawberry.utils.str_converters import to_snake_case


def summary(subject: object) -> str | None:
    """The docstring of a class or function, unwrapped into paragraphs."""
    text = getattr(subject, "__doc__", None)
    return unwrapped(text) if text else None


def words(cls: type) -> str:
    """The name of a class as a person would say it."""
    return to_snake_case(cls.__name__).replace("_", " ")


def attributes(cls: type) -> dict[str, str]:
    """The docstrings under the attributes of a class, by attribute."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef)).body
    found = {}
    for statement, following in itertools.pairwise(body):
        name = _assigned(statement)
        if name and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            found[name] = unwrapped(str(following.value.value))
    return found


def _assigned(statement: ast.stmt) -> str | None:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
        case _:
            return None


def unwrapped(text: str) -> str:
    """A text with each paragraph on one line."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
