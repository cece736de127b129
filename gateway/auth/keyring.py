"""The gateway's keys, in one file that only its owner can read.

The file is a JWK set (RFC 7517, section 5). The first Ed25519 key includes its private part and signs access tokens;
all Ed25519 keys verify them. One symmetric key derives and seals refresh tokens, and seals agents' tokens and signals.
The others encrypt the data keys of users: the first one wraps, all of them unwrap. All gateways of one deployment share
the file. It is written atomically: it gets its name only when it is complete.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, OKPKey

from gateway.refusal import Refusal

ALGORITHM = "EdDSA"
SETTING = "PARLEY_SIGNING_KEYS"
REFRESH_KEY_ID = "refresh"
KEPT_KEYS = 8
"""Ed25519 keys that a rotation keeps: many more than the tokens that are still valid need."""

ENCRYPTS = "enc"
"""The `use` of a key-encryption key."""
KEY_BYTES = 32
PATIENCE_SECONDS = 5.0
"""How long a process waits for another one that adds the first key-encryption key."""

_Jwk = dict[str, Any]

log = structlog.stdlib.get_logger(__name__)


class KeyFileError(Refusal):
    """The file named by PARLEY_SIGNING_KEYS cannot be used. The message is for the operator and contains no keys."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{SETTING}: {reason}")


class KeysBeingChanged(KeyFileError):
    """Another process changes the file at this moment."""


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A key-encryption key."""

    id: str
    key: bytes = field(repr=False)
    made_at: int | None
    """When it was made, in seconds since 1970; None if the file does not say."""


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys in the file. Each has a distinct key id."""

    signing: OKPKey
    verifying: tuple[OKPKey, ...]
    refresh_key: bytes = field(repr=False)
    encrypting: tuple[EncryptionKey, ...] = ()
    """The key-encryption keys, newest first; empty in a file of an older Parley that could not be changed."""


def load_or_create(path: Path) -> KeyRing:
    """Read the keys in the file, or create it with new ones. A file without a key-encryption key gets one.

    Processes that start at the same time agree on one file. Raises `KeyFileError` if the file cannot be read or
    created, contains no usable keys, or is accessible to others.
    """
    with _os_errors_refused(path):
        if not path.exists():
            _create(path)
        ring = _ring(_read(path))
    return ring if ring.encrypting else _with_encryption_key(path, ring)


def load(path: Path) -> KeyRing:
    """Read the keys in the file. Raises `KeyFileError` if it does not exist or cannot be used."""
    with _os_errors_refused(path):
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
    return _changed(path, _rotated)


def add_encryption_key(path: Path) -> KeyRing:
    """Add a key-encryption key, which wraps from now on. Running gateways find it in the file.

    Raises `KeyFileError` as `rotate` does.
    """
    return _changed(path, lambda keys: [_new_encryption_key(), *keys])


def drop_encryption_key(path: Path, id: str) -> KeyRing:
    """Remove a key-encryption key, if the file contains it. What it wraps cannot be opened any more.

    Raises `KeyFileError` as `rotate` does.
    """
    return _changed(path, lambda keys: [key for key in keys if not (_encrypts(key) and key.get("kid") == id)])


def _with_encryption_key(path: Path, ring: KeyRing) -> KeyRing:
    """Add the first key-encryption key, unless another process does. A file that cannot be changed is left as it is."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while not ring.encrypting:
        try:
            ring = _changed(path, lambda keys: keys if any(map(_encrypts, keys)) else [_new_encryption_key(), *keys])
        except KeyFileError as error:
            ring = load(path)
            if ring.encrypting:
                break
            if not isinstance(error, KeysBeingChanged) or time.monotonic() > patience:
                log.warning("The keys file has no key-encryption key, so secrets cannot be stored.", reason=str(error))
                break
            time.sleep(0.05)
    return ring


def _changed(path: Path, change: Callable[[list[_Jwk]], list[_Jwk]]) -> KeyRing:
    """Replace the keys in the file by what `change` makes of them. One process at a time may do so."""
    next_file = path.with_name(path.name + ".next")
    with _os_errors_refused(path), _claimed(next_file) as descriptor:
        keys = _read(path)
        _ring(keys)  # leaves an unusable file unchanged
        keys = change(keys)
        ring = _ring(keys)
        _write(descriptor, _text(keys))
        os.replace(next_file, path)
    return ring


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
        raise KeysBeingChanged(f"another rotation is in progress. If none is running, remove {next_file}.") from error
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
    _put(path, _text([_new_signing_key(), _new_refresh_key(), _new_encryption_key()]))


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
    old = [{name: value for name, value in key.items() if name != "d"} for key in keys if key["kty"] == "OKP"]
    others = [key for key in keys if key["kty"] != "OKP"]
    return [_new_signing_key(), *old[: KEPT_KEYS - 1], *others]


def _new_signing_key() -> _Jwk:
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    return dict(key.as_dict(private=True, alg=ALGORITHM, use="sig"))


def _new_refresh_key() -> _Jwk:
    key = OctKey.generate_key(256)
    return dict(key.as_dict(private=True, kid=REFRESH_KEY_ID, alg="HS256", use="sig"))


def _new_encryption_key() -> _Jwk:
    now = int(time.time())
    # The date tells people which key is older. The rest keeps ids distinct.
    id = f"{time.strftime('%Y%m%d', time.gmtime(now))}-{secrets.token_hex(6)}"
    key = OctKey.import_key(secrets.token_bytes(KEY_BYTES))
    return {**key.as_dict(private=True, kid=id, use=ENCRYPTS), "iat": now}


def _encrypts(key: _Jwk) -> bool:
    return key["kty"] == "oct" and key.get("use") == ENCRYPTS


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
        encrypting = tuple(_encryption_key(key) for key in keys if _encrypts(key))
    except (JoseError, ValueError, TypeError):
        raise KeyFileError("a key in the file cannot be read.") from None
    if not verifying or not verifying[0].is_private:
        raise KeyFileError("the file must contain an Ed25519 key, and the first one must include its private part.")
    if len({key.kid for key in verifying}) != len(verifying):
        raise KeyFileError("two keys in the file have the same key id.")
    if len(refresh_keys) != 1 or len(refresh_keys[0]) < 32:
        raise KeyFileError(f"the file needs one symmetric key of at least 32 bytes with the id {REFRESH_KEY_ID!r}.")
    if len({key.id for key in encrypting}) != len(encrypting):
        raise KeyFileError("two key-encryption keys in the file have the same key id.")
    return KeyRing(verifying[0], verifying, refresh_keys[0], encrypting)


def _encryption_key(jwk: _Jwk) -> EncryptionKey:
    id, key, made_at = jwk.get("kid"), OctKey.import_key(jwk).raw_value, jwk.get("iat")
    if not isinstance(id, str) or not 0 < len(id) <= 100 or len(key) != KEY_BYTES:
        raise ValueError("Not a key-encryption key.")
    return EncryptionKey(id, key, made_at if isinstance(made_at, int) else None)


def _ed25519(jwk: _Jwk) -> OKPKey:
    # `alg`, `use` and `key_ops` are dropped, because other tools may write a newer name of the algorithm.
    key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "d", "kid") if name in jwk})
    if key.curve_name != "Ed25519":
        raise ValueError("Not an Ed25519 key.")
    key.ensure_kid()
    return key
