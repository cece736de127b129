"""The keys file: the signing keys, and what seals the secrets of users."""

from __future__ import annotations

import shlex
import stat
import time
from pathlib import Path

from gateway.auth.keyring import KeyFileError, keys_in, load
from gateway.data.setup.roles import SCHEMA
from gateway.doctor.check import Findings, check
from gateway.doctor.finding import NotChecked, error, note, warning
from gateway.doctor.installation import Installation
from gateway.doctor.units import duration, number

HAS_SESSIONS = "SELECT pg_relation_size(to_regclass($1)) > 0"

WRAPPED_BY_OTHERS = f"""
SELECT key_id, count(*) AS wraps FROM {SCHEMA}.data_keys WHERE key_id <> ALL ($1) GROUP BY key_id ORDER BY key_id
"""  # noqa: S608 - constants

EXPIRES_DAYS = 7

EXPIRING = f"""
SELECT count(*) FROM {SCHEMA}.provider_keys
WHERE deleted_at IS NULL AND is_active AND expires_at BETWEEN now() AND now() + interval '{EXPIRES_DAYS} days'
"""  # noqa: S608 - constants

LOSS = (
    "Without it, all tokens become invalid: everyone must sign in again, and agents need new ones. Provider keys that "
    "are stored can no longer be opened."
)


@check("Signing keys")
async def signing_keys(installation: Installation) -> Findings:
    """Whether the file exists, can be used, and is private."""
    path = installation.settings.signing_keys
    if not _exists(path):
        if await _has_sessions(installation):
            yield warning(
                f"{path} does not exist, but there are sessions. parley serve would create new keys. {LOSS}",
                "Set PARLEY_SIGNING_KEYS to the file that the other processes use, or copy it here.",
                subject=str(path),
            )
        else:
            yield note(f"{path} does not exist. parley serve creates it at its first start.", subject=str(path))
        return
    try:
        keys_in(path)
    except KeyFileError as refusal:
        yield error(str(refusal), "parley serve refuses to start.", command=_remedy(path), subject=str(path))
        return
    age = max(0.0, time.time() - path.stat().st_mtime)
    yield note(
        f"{path} was last changed {duration(age)} ago. Keep a copy: parley backup includes it. {LOSS}",
        subject=str(path),
        facts={"age_seconds": round(age)},
    )
    folder = path.parent.stat()
    if folder.st_mode & (stat.S_IWOTH | stat.S_IWGRP) and not folder.st_mode & stat.S_ISVTX:
        yield warning(
            f"Others may write to {path.parent}, so they can replace the keys, and then act as any user.",
            command=f"chmod go-w {shlex.quote(str(path.parent))}",
            subject=str(path.parent),
        )
    unfinished = path.with_name(path.name + ".next")
    if _exists(unfinished):
        yield warning(
            f"{unfinished} was left by a rotation of the keys that did not end, and blocks the next one.",
            "If no rotation is running, remove it.",
            command=f"rm {shlex.quote(str(unfinished))}",
            subject=str(unfinished),
        )


@check("Keys of secrets")
async def encryption_keys(installation: Installation) -> Findings:
    """Whether the secrets of users can be stored and opened, and which of their keys stop working soon."""
    path = installation.settings.signing_keys
    if not _exists(path):
        return
    try:
        known = [key.id for key in load(path).encrypting]
    except KeyFileError:
        return  # the check of the file says so
    if not known:
        yield error(
            f"{path} has no key-encryption key, so users cannot store keys of providers.",
            "Let Parley write to the file and start parley serve again, or:",
            command="parley keys rotate",
            subject=str(path),
        )
    connection = await installation.seeing_all_rows()
    if await connection.fetchval("SELECT to_regclass($1)", f"{SCHEMA}.data_keys") is None:
        raise NotChecked("This database has no data keys yet.")
    for row in await connection.fetch(WRAPPED_BY_OTHERS, known):
        yield error(
            f"{number(row['wraps'], 'data key')} cannot be opened, because {path} has no key-encryption key "
            f"{row['key_id']}. The secrets of these users are lost without it.",
            "Find the key in an older copy of the file, or in a backup, and add it to the file.",
            subject=row["key_id"],
            facts={"data_keys": row["wraps"]},
        )
    if expiring := await connection.fetchval(EXPIRING):
        yield note(
            f"Users have {number(expiring, 'provider key')} that will expire within {EXPIRES_DAYS} days.",
            facts={"provider_keys": expiring},
        )


async def _has_sessions(installation: Installation) -> bool:
    connection = installation.owner or installation.runtime
    return connection is not None and bool(await connection.fetchval(HAS_SESSIONS, f"{SCHEMA}.sessions"))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as problem:
        raise NotChecked(f"{path}: {problem.strerror}.") from None


def _remedy(path: Path) -> str:
    is_open = path.stat().st_mode & 0o007
    return f"chmod 600 {shlex.quote(str(path))}" if is_open else ""
