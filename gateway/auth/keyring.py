"""The gateway's keys, in one file that only its owner can read.

The file is a JWK set (RFC 7517, section 5). The first Ed25519 key includes its private part and signs access tokens;
all Ed25519 keys verify them. One symmetric key derives and seals refresh tokens, and seals agents' tokens and signals.
All gateways of one deployment share the file. It is written atomically: it gets its name only when it is complete.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import OctKey, OKPKey

from gateway.refusal import Refusal

ALGORITHM = "EdDSA"
SETTING = "PARLEY_SIGNING_KEYS"
REFRESH_KEY_ID = "refresh"
KEPT_KEYS = 8
"""Ed25519 keys that a rotation keeps: many more than the tokens that are still valid need."""

_Jwk = dict[str, Any]


class KeyFileError(Refusal):
    """The file named by PARLEY_SIGNING_KEYS cannot be used. The message is for the operator and contains no keys."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{SETTING}: {reason}")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys, as read at startup. Each Ed25519 key has a distinct key id."""

    signing: OKPKey
    verifying: tuple[OKPKey, ...]
    refresh_key: bytes = field(repr=False)


def load_or_create(path: Path) -> KeyRing:
    """Read the keys in the file, or create it with new ones.

    Processes that start at the same time agree on one file. Raises `KeyFileError` if the file cannot be read or
    created, contains no usable keys, or is accessible to others.
    """
    with _os_errors_refused(path):
        if not path.exists():
            _create(path)
        return _ring(_read(path))


def keys_in(path: Path) -> bytes:
    """The text of the file, for a backup. Raises `KeyFileError` if it does not exist or contains no usable keys."""
    with _os_errors_refused(path):
        if not path.exists():
            raise KeyFileError(f"{path} does not exist. Name the file that parley serve uses.")
        _ring(_read(path))
        return path.read_bytes()


@contextmanager
def installed(path: Path, text: bytes) -> Iterator[None]:
    """Write these keys, from a backup, to the file, and remove it again if the block fails.

    Raises `KeyFileError` if the file contains different keys, because tokens that they signed would be refused.
    """
    with _os_errors_refused(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = _put(path, text)
        if not is_new and path.read_bytes() != text:
            raise KeyFileError(
                f"{path} and the backup contain different keys. Move the file away, or set {SETTING} to another file."
            )
    try:
        yield
    except BaseException:
        if is_new:
            path.unlink()
        raise


def rotate(path: Path) -> KeyRing:
    """Add a new signing key in front, and keep only the public parts of the previous keys.

    Running gateways keep the keys that they started with: restart all of them, or they refuse each other's tokens. The
    refresh key stays, so that a retried refresh still gets the same answer if the first was lost during a rotation. A
    stolen key must also be deleted from the file, because tokens signed with it are accepted while it is there.

    Raises `KeyFileError` if there is no usable file, or another rotation is in progress.
    """
    next_file = path.with_name(path.name + ".next")
    with _os_errors_refused(path), _claimed(next_file) as descriptor:
        keys = _rotated(_read(path))
        _write(descriptor, _text(keys))
        os.replace(next_file, path)
    return _ring(keys)


@contextmanager
def _os_errors_refused(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}.") from error


@contextmanager
def _claimed(next_file: Path) -> Iterator[int]:
    """Create a file that is both the lock and the new text. Renaming it over the old file releases the lock."""
    try:
        descriptor = os.open(next_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileError(f"another rotation is in progress. If none is running, remove {next_file}.") from error
    try:
        yield descriptor
    except BaseException:
        # Only on failure: after a success, a file of this name is another process's lock.
        next_file.unlink()
        raise
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _put(path, _text([_new_signing_key(), _new_refresh_key()]))


def _put(path: Path, text: bytes) -> bool:
    """Create the file. Returns False if it exists. A rename would overwrite the keys of a process that was first."""
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".keys-")  # mode 0600 from the start
    try:
        _write(descriptor, text)
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        os.close(descriptor)
        os.unlink(draft)
    return True


def _rotated(keys: list[_Jwk]) -> list[_Jwk]:
    _ring(keys)  # leaves an unusable file unchanged
    old = [{name: value for name, value in key.items() if name != "d"} for key in keys if key["kty"] == "OKP"]
    others = [key for key in keys if key["kty"] != "OKP"]
    return [_new_signing_key(), *old[: KEPT_KEYS - 1], *others]


def _new_signing_key() -> _Jwk:
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    return dict(key.as_dict(private=True, alg=ALGORITHM, use="sig"))


def _new_refresh_key() -> _Jwk:
    key = OctKey.generate_key(256)
    return dict(key.as_dict(private=True, kid=REFRESH_KEY_ID, alg="HS256", use="sig"))


def _text(keys: list[_Jwk]) -> bytes:
    return json.dumps({"keys": keys}, indent=2).encode() + b"\n"


def _write(descriptor: int, text: bytes) -> None:
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _read(path: Path) -> list[_Jwk]:
    with path.open("rb") as file:
        # Group access is allowed: a secret that Kubernetes mounts for a non-root user is readable by group.
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o007:
            raise KeyFileError(f"others may read or write {path}. Make it private: chmod 600 {shlex.quote(str(path))}")
        text = file.read()
    try:
        keys = json.loads(text)["keys"]
        return [key for key in keys if key["kty"] in ("OKP", "oct")]
    except (ValueError, TypeError, KeyError, RecursionError):
        # From None, here and below, because such an error can contain the text that it was passed.
        raise KeyFileError(f"{path} does not contain a JWK set.") from None


def _ring(keys: list[_Jwk]) -> KeyRing:
    try:
        verifying = tuple(_ed25519(key) for key in keys if key["kty"] == "OKP")
        refresh_keys = [OctKey.import_key(key).raw_value for key in keys if key.get("kid") == REFRESH_KEY_ID]
    except (JoseError, ValueError, TypeError):
        raise KeyFileError("a key in the file cannot be read.") from None
    if not verifying or not verifying[0].is_private:
        raise KeyFileError("the file must contain an Ed25519 key, and the first one must include its private part.")
    if len({key.kid for key in verifying}) != len(verifying):
        raise KeyFileError("two keys in the file have the same key id.")
    if len(refresh_keys) != 1 or len(refresh_keys[0]) < 32:
        raise KeyFileError(f"the file needs one symmetric key of at least 32 bytes with the id {REFRESH_KEY_ID!r}.")
    return KeyRing(signing=verifying[0], verifying=verifying, refresh_key=refresh_keys[0])


def _ed25519(jwk: _Jwk) -> OKPKey:
    # `alg`, `use` and `key_ops` are dropped, because other tools may write a newer name of the algorithm.
    key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "d", "kid") if name in jwk})
    if key.curve_name != "Ed25519":
        raise ValueError("Not an Ed25519 key.")
    key.ensure_kid()
    return key
