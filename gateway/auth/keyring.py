"""The keys of the gateway, in one file that is readable by its owner only.

The file is a JWK set (RFC 7517, section 5). The first Ed25519 key signs access tokens, and has its private
part; all Ed25519 keys verify them. One symmetric key makes the successors of refresh tokens. All gateways of
one deployment share the file. It never exists half written: it gets its name only when it is complete.
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
"""How many Ed25519 keys a rotation leaves: many more than are needed for the tokens that are still good."""

_Jwk = dict[str, Any]


class KeyFileError(Refusal):
    """The file named by PARLEY_SIGNING_KEYS cannot be used. The message is for the operator, without keys."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{SETTING}: {reason}")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys, as read once at the start. Each Ed25519 key has a distinct key id."""

    signing: OKPKey
    verifying: tuple[OKPKey, ...]
    refresh_key: bytes = field(repr=False)


def load_or_create(path: Path) -> KeyRing:
    """The keys in the file, which is made with new ones if there is none. Processes that start at once agree
    on one.

    Raises KeyFileError if the file cannot be read or made, holds no usable keys, or is open to others.
    """
    with _told_to_operator(path):
        if not path.exists():
            _create(path)
        return _ring(_read(path))


def keys_in(path: Path) -> bytes:
    """The text of the file, for a backup. Raises KeyFileError if there is none, or it holds no usable keys."""
    with _told_to_operator(path):
        if not path.exists():
            raise KeyFileError(f"{path} does not exist. Name the file that parley serve uses.")
        _ring(_read(path))
        return path.read_bytes()


@contextmanager
def placed(path: Path, text: bytes) -> Iterator[None]:
    """Have the file hold these keys, from a backup, unless the block fails.

    Raises KeyFileError if it holds other ones, since tokens that they signed would be refused from then on.
    """
    with _told_to_operator(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = _put(path, text)
        if not is_new and path.read_bytes() != text:
            raise KeyFileError(
                f"{path} holds other keys than the backup. Move it away, or set {SETTING} to another file."
            )
    try:
        yield
    except BaseException:
        if is_new:
            path.unlink()
        raise


def rotate(path: Path) -> KeyRing:
    """Put a new signing key in front, and keep only the public parts of the keys before it.

    A gateway that is running knows the keys it started with: start all of them again, else they refuse each
    other's tokens. The refresh key stays, so that a refresh whose answer is lost during a rotation is still
    answered the same. A key that was stolen must also be deleted from the file, since what it signed verifies
    for as long as it is there.

    Raises KeyFileError if there is no usable file, or while another rotation is under way.
    """
    following = path.with_name(path.name + ".next")
    with _told_to_operator(path), _claimed(following) as descriptor:
        keys = _rotated(_read(path))
        _write(descriptor, _text(keys))
        os.replace(following, path)
    return _ring(keys)


@contextmanager
def _told_to_operator(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}.") from error


@contextmanager
def _claimed(following: Path) -> Iterator[int]:
    """A file that is the lock and the new text in one: moving it to the old one's place unlocks."""
    try:
        descriptor = os.open(following, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileError(f"a rotation is under way. If none is running, remove {following}.") from error
    try:
        yield descriptor
    except BaseException:
        # Only on failure: after a success, a file of this name is the lock of somebody else.
        following.unlink()
        raise
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _put(path, _text([_new_signing_key(), _new_refresh_key()]))


def _put(path: Path, text: bytes) -> bool:
    """Make the file; False if it is there, for a rename would overwrite the keys of a process that was first."""
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
    _ring(keys)  # a file that is not usable is left as it is
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
        # The group is let in: a secret that Kubernetes mounts for a non-root user is readable by group.
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o007:
            raise KeyFileError(f"others may read or write {path}. Make it private: chmod 600 {shlex.quote(str(path))}")
        text = file.read()
    try:
        keys = json.loads(text)["keys"]
        return [key for key in keys if key["kty"] in ("OKP", "oct")]
    except (ValueError, TypeError, KeyError, RecursionError):
        # From None, here and below: such an error can carry the text it was given.
        raise KeyFileError(f"{path} does not hold a JWK set.") from None


def _ring(keys: list[_Jwk]) -> KeyRing:
    try:
        verifying = tuple(_ed25519(key) for key in keys if key["kty"] == "OKP")
        refresh_keys = [OctKey.import_key(key).raw_value for key in keys if key.get("kid") == REFRESH_KEY_ID]
    except (JoseError, ValueError, TypeError):
        raise KeyFileError("a key in the file cannot be read.") from None
    if not verifying or not verifying[0].is_private:
        raise KeyFileError("the first Ed25519 key in the file must be there, with its private part.")
    if len({key.kid for key in verifying}) != len(verifying):
        raise KeyFileError("two keys in the file have one key id.")
    if len(refresh_keys) != 1 or len(refresh_keys[0]) < 32:
        raise KeyFileError(f"the file must hold one symmetric key of 32 bytes with the id {REFRESH_KEY_ID!r}.")
    return KeyRing(signing=verifying[0], verifying=verifying, refresh_key=refresh_keys[0])


def _ed25519(jwk: _Jwk) -> OKPKey:
    # `alg`, `use` and `key_ops` are dropped: another tool may have written a newer name of the algorithm.
    key = OKPKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "d", "kid") if name in jwk})
    if key.curve_name != "Ed25519":
        raise ValueError("Not an Ed25519 key.")
    key.ensure_kid()
    return key
