"""Key-encryption keys: what wraps the data keys of users.

A `KeyWrapper` may be a service in the cloud that never shows its keys. The one that exists reads the keys file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog

from gateway.auth.keyring import KeyFileError, load
from gateway.vault.sealing import CannotOpen, Key

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key, wrapped by the key-encryption key with this id."""

    key_id: str
    text: bytes


class CannotWrap(Exception):
    """There is no key-encryption key to wrap with. The message contains nothing secret."""


class KeyWrapper(Protocol):
    """Wraps data keys of users."""

    async def wrap(self, data_key: Key, user_id: UUID) -> Wrapped:
        """Wrap with the newest key. Raises `CannotWrap`."""

    async def unwrap(self, wrapped: Wrapped, user_id: UUID) -> Key:
        """The data key of this user. Raises `CannotOpen`."""


class KeysFile:
    """Wraps with the keys in the keys file, which is read when it is needed, and may change meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: Mapping[str, Key] = {}
        self._read_as: tuple[int, ...] = ()
        """What identified the contents of the file when it was last read."""

    async def wrap(self, data_key: Key, user_id: UUID) -> Wrapped:
        """Wrap with the newest key, of the file as it is now. It is read each time, since a user gets a key once."""
        self._read()
        if not self._keys:
            raise CannotWrap("The keys file has no key-encryption key.")
        key_id = next(iter(self._keys))
        return Wrapped(key_id, self._keys[key_id].seal(data_key.raw, _about(key_id, user_id)))

    async def unwrap(self, wrapped: Wrapped, user_id: UUID) -> Key:
        """The data key of this user. If it is wrapped with an unknown key, reads the file again if that has changed."""
        if wrapped.key_id not in self._keys and self._contents() != self._read_as:
            self._read()
        key = self._keys.get(wrapped.key_id)
        if key is None:
            raise CannotOpen(f"The keys file has no key-encryption key {wrapped.key_id!r}.")
        return Key(key.open(wrapped.text, _about(wrapped.key_id, user_id)))

    def _read(self) -> None:
        self._read_as = self._contents()  # before it is read: a change in between is noticed the next time
        try:
            self._keys = {each.id: Key(each.key) for each in load(self._path).encrypting}
        except KeyFileError as error:
            # What was read before is still right.
            log.error("The keys file cannot be read.", reason=str(error))

    def _contents(self) -> tuple[int, ...]:
        """What differs whenever the file was replaced or written; empty if there is none."""
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size


def _about(key_id: str, user_id: UUID) -> tuple[bytes, ...]:
    return b"data key", user_id.bytes, key_id.encode()
