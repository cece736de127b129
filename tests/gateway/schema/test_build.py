"""The schema is built from every module of the domains, and none is left out in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.schema.build import domain_modules
from gateway.schema.types.wrong_declaration import WrongDeclaration


def test_a_folder_of_resolvers_that_is_not_a_package_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "somebodys" / "notes").mkdir(parents=True)
    (tmp_path / "somebodys" / "notes" / "note.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(WrongDeclaration, match=r"somebodys/notes is not a package\. Give it an __init__\.py"):
        domain_modules("somebodys")
