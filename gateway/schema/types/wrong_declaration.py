"""The error for a declaration that would give wrong answers. Nothing is served until it is corrected."""

from __future__ import annotations

from gateway.refusal import Refusal


class WrongDeclaration(Refusal):
    """A declaration in `resolvers/` would give wrong answers. The message says which, and what to write instead."""
