"""A new type takes a migration, a module and a test: the example of ARCHITECTURE.md is added to a copy and tested.

With it come the types of `garden`, which use the other mechanisms of declarations. No test names them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.kit.environment import without_settings

ROOT = Path(__file__).parents[2]
COPIED = ("gateway", "resolvers", "sql", "tests", "pyproject.toml", "schema.graphql", "ARCHITECTURE.md")
LEFT_OUT = shutil.ignore_patterns("node_modules", "__pycache__")

TYPE = "Jotting" if "type Note " in (ROOT / "schema.graphql").read_text("utf-8") else "Note"
"""The name of the new type. It is not `Note` if the schema already has that type."""

FOR_EVERY_TYPE = {
    "test_bad_input": 50,
    "test_bad_move": 5,
    "test_bad_value": 4,
    "test_columns": 1,
    "test_deleted": 2,
    "test_plans": 1,
    "test_retry": 5,
    "test_statements": 4,
    "test_tenancy": 15,
    "test_tenancy_live": 2,
    "test_trash": 4,
    "test_values": 7,
}
"""The least number of tests in each module that have the type in their names."""

GARDEN = ROOT / "tests" / "every_type" / "garden"

OBJECTS = {"Flowerbed", "Plant", "Gardener"}
FOR_EACH_FIELD = "test_bad_input or test_bad_move or test_tenancy"
"""Modules with so many tests of each type that those of two types do."""
THE_GARDEN = f"plant or climate or gardensettings or shed or ((flowerbed or gardener) and not ({FOR_EACH_FIELD}))"
"""The `-k` expression for the tests of the garden."""
OF_THE_GARDEN = {
    "test_audit": {"Plant", "plants"},
    "test_bad_input": {"Plant", "GardenSettings", "createShed"},
    "test_bad_move": {"Plant", "GardenSettings"},
    "test_bad_value": {"Flowerbed", "Plant"},
    "test_columns": OBJECTS | {"GardenSettings", "Climate"},
    "test_deleted": OBJECTS,
    "test_joins": {"Flowerbed.gardeners"},
    "test_levels": OBJECTS,
    "test_most": {"sheds"},
    "test_lists": OBJECTS | {"Climate", "Flowerbed.gardeners", "Gardener.flowerbeds"},
    "test_plans": OBJECTS | {"Query.climates"},
    "test_retry": OBJECTS | {"createShed"},
    "test_secret": {"Shed.code"},
    "test_statements": {"createShed", "updateShed"} | OBJECTS | {"GardenSettings"},
    "test_tenancy": {"Plant", "GardenSettings", "climates"},
    "test_tenancy_in_sql": {"climates"},
    "test_tenancy_live": {"plantChanged", "gardenSettingsChanged"},
    "test_trash": OBJECTS,
    "test_values": OBJECTS | {"GardenSettings"},
    "test_versions": {"flowerbeds", "plants", "gardeners"},
}
"""The types of the garden that each module of tests must have in the names of its tests."""

FOLDERS = (
    "tests/every_type",
    "tests/tenancy",
    "tests/sql",
    "tests/repository/test_schema.py",
    "tests/chat",
)
"""The files and folders of these tests."""

WHATEVER_IT_IS_CALLED = (
    "test_indexes",
    "test_rollups",
    "test_schema",
    "test_sql",
    "test_tables",
    "test_tenancy_in_sql",
    "test_note",
)
"""Further tests to run: those that test all types at once, and the type's own."""

pytestmark = pytest.mark.timeout(1200)


def renamed(text: str) -> str:
    """The text with `note` and `Note` replaced by the name of the type."""
    return re.sub(r"(?<!an)note", TYPE.lower(), text).replace("Note", TYPE)


def block(language: str, begins: str) -> str:
    """The code block of ARCHITECTURE.md that begins with this text."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    (code,) = re.findall(rf"^```{language}\n({re.escape(begins)}.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return renamed(code)


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m` in the copy, without the environment variables of this test run."""
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(
        command,
        cwd=copy,
        env=without_settings("PYTEST_", "PYTHON"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run_tests(copy: Path, *selected: str) -> tuple[int, list[tuple[str, str]], str]:
    """Run the tests that match one of these `-k` expressions; return the exit status, the outcomes and the output."""
    done = run(copy, "pytest", "-v", "-p", "no:cacheprovider", "-k", " or ".join(selected), *FOLDERS)
    outcomes = re.findall(r"^(tests/\S+::.*) (PASSED|FAILED|ERROR)", done.stdout, re.MULTILINE)
    return done.returncode, outcomes, done.stdout


def write_migration(copy: Path, *more: str) -> None:
    """Write the migration of the type, with more statements below it."""
    migrations = copy / "sql" / "migrations"
    number = len(list(migrations.glob("*.sql"))) + 1
    path = next(migrations.glob(renamed("*_notes.sql")), migrations / renamed(f"{number:04}_notes.sql"))
    path.write_text("\n".join(["-- Notes.", "", block("sql", "CREATE TABLE notes"), *more]), "utf-8")


def copy_project(checkout: Path, to: Path) -> Path:
    """Copy what the tests of a type need."""
    for name in COPIED:
        source = checkout / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=LEFT_OUT)
        else:
            shutil.copy(source, to / name)
    return to


def plant_garden(copy: Path) -> None:
    """Add the types of the garden: a migration, and a domain with two modules."""
    migrations = copy / "sql" / "migrations"
    shutil.copy(GARDEN / "garden.sql", migrations / f"{len(list(migrations.glob('*.sql'))) + 1:04}_garden.sql")
    domain = copy / "resolvers" / "garden"
    domain.mkdir()
    (domain / "__init__.py").write_text('"""Gardens."""\n', "utf-8")
    for module in GARDEN.glob("*.py"):
        shutil.copy(module, domain)


@pytest.fixture(scope="module")
def noted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the new type."""
    copy = copy_project(ROOT, tmp_path_factory.mktemp("copy"))
    write_migration(copy)
    (copy / "resolvers" / "chat" / renamed("note.py")).write_text(block("python", '"""Notes: what'), "utf-8")
    plant_garden(copy)
    (copy / "tests" / "chat" / renamed("test_note.py")).write_text(block("python", '"""Notes, as a client'), "utf-8")
    for kind in ((), ("--sql",)):
        done = run(copy, "gateway", "schema", *kind, "--write")
        assert done.returncode == 0, done.stdout
    return copy


def test_a_migration_a_module_and_a_test_are_all_that_a_type_needs(noted: Path) -> None:
    status, outcomes, printed = run_tests(noted, TYPE, THE_GARDEN, *WHATEVER_IT_IS_CALLED)
    assert status == 0, printed[-5000:]
    counts = Counter(Path(id.partition("::")[0]).stem for id, _ in outcomes if TYPE.lower() in id.lower())
    assert {name: counts[name] for name, least in FOR_EVERY_TYPE.items() if counts[name] < least} == {}
    ids = {module: [id for id, _ in outcomes if Path(id.partition("::")[0]).stem == module] for module in OF_THE_GARDEN}
    assert {
        (module, name)
        for module, names in OF_THE_GARDEN.items()
        for name in names
        if not any(name in id.partition("::")[2] for id in ids[module])
    } == set()
    ran = {part for id, _ in outcomes for part in Path(id.partition("::")[0]).with_suffix("").parts}
    assert ran >= set(WHATEVER_IT_IS_CALLED)


@pytest.mark.parametrize(
    ("mistake", "selected", "caught_by"),
    [
        pytest.param(
            "ALTER POLICY tenant ON notes USING (true);", ("test_tenancy_in_sql",), "test_tenancy_in_sql", id="policy"
        ),
        pytest.param(
            "ALTER TABLE notes DROP CONSTRAINT notes_title_length, ADD CONSTRAINT notes_title_length"
            " CHECK (char_length(title) <= 20000);",
            ("notes_title_length",),
            "test_bad_value",
            id="rule",
        ),
    ],
)
def test_a_mistake_in_the_migration_is_found(
    noted: Path, tmp_path: Path, mistake: str, selected: Sequence[str], caught_by: str
) -> None:
    copy = copy_project(noted, tmp_path)
    write_migration(copy, renamed(mistake))
    status, outcomes, printed = run_tests(copy, *map(renamed, selected))
    assert status == 1, printed[-5000:]
    assert any(caught_by in id and outcome != "PASSED" for id, outcome in outcomes), printed[-5000:]


def test_a_type_whose_values_the_schema_does_not_tell_says_them_in_a_sample(noted: Path, tmp_path: Path) -> None:
    copy = copy_project(noted, tmp_path)
    rule = "SELECT add_rule('notes', 'title_form', 'title LIKE ''N%''', 'A title begins with N.');"
    write_migration(copy, renamed(rule))
    status, _, printed = run_tests(copy, "test_the_victim_owns")
    assert status == 1, printed[-5000:]
    assert f"Add a valid value for {TYPE}.title to VALUES in tests/chat/sample.py" in printed
    with (copy / "tests" / "chat" / "sample.py").open("a", encoding="utf-8") as sample:
        sample.write(f'VALUES["{TYPE}.title"] = ("Nail", "News")\n')
    status, _, printed = run_tests(copy, "test_the_victim_owns", f"(test_retry and create{TYPE})")
    assert status == 0, printed[-5000:]
