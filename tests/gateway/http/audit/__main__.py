"""The official audit of GraphQL over HTTP, run on demand against the toy schema. It needs Node and two packages:

npm install --prefix tests/gateway/http/audit
python -m tests.gateway.http.audit
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.gateway.toy import serving

SCRIPT = Path(__file__).with_name("audit.mjs")


async def main() -> int:
    """Audit, and return the exit status."""
    async with serving() as served:
        process = await asyncio.create_subprocess_exec("node", SCRIPT, served.url)
        return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
