"""The command `parley` with throw-away types: `python -m tests.bench.many_types.parley FOLDER serve --port 0`.

`throw_away.write` has filled the folder. What it contains belongs to Parley as if it stood in `resolvers/` and `sql/`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import resolvers
from gateway.__main__ import main
from gateway.data.setup import migration

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    resolvers.__path__.append(str(folder))
    migration.DIRECTORY = folder / "migrations"
    sys.exit(main(sys.argv[2:]))
