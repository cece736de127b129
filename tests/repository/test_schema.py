"""The exported schema: reviewed like code, so it must be what the code makes."""

from __future__ import annotations

from pathlib import Path

from gateway.schema.build import sdl

FILE = Path(__file__).parents[2] / "schema.graphql"


def test_the_exported_schema_is_what_the_declarations_make() -> None:
    assert FILE.read_text(encoding="utf-8") == sdl(), "run: make schema"


def test_building_the_schema_twice_gives_the_same() -> None:
    assert sdl() == sdl()
