"""The hash of a create request, which tells a retry from a different request with the same id.

The row itself cannot tell: it does not show what the request left out, and it may have changed since. So it stores the
hash.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

COLUMN = "request_hash"

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


def request_hash(values: Mapping[str, Any], also: Iterable[Any] = ()) -> int:
    """Hash a request to a signed 64-bit number. Equal requests have equal hashes.

    `also` contains further values that distinguish requests. JSON values are equal only if their types are: 1 is
    neither true nor "1". Times are equal if they are the same moment, and amounts if they are the same number. The
    order of an object's members does not matter.
    """
    text = orjson.dumps((values, *also), default=_plain, option=_OPTIONS)
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


def _plain(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value.normalize())
    return str(value)
