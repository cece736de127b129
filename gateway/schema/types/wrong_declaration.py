"""What is raised for a declaration that would answer wrongly: nothing is served until it is mended."""

from __future__ import annotations

from gateway.refusal import Refusal


class WrongDeclaration(Refusal):
    """A declaration in `resolvers/` would answer wrongly. Says which, and what to write instead."""
