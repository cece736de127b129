"""The hash of a create request, by which a request that is sent again is told from another one with the same id.

A row cannot tell: what a request left out is not in it, and it may have changed since. So the row keeps the hash.
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
    """A signed 64-bit number that is equal for equal requests.

    `also` holds what else tells requests apart. JSON values are equal only if their types are: 1 is neither true nor
    "1". Times are equal if they are the same moment, amounts if they are the same number, and objects in any order of
    their members.
    """
    text = orjson.dumps((values, *also), default=_plain, option=_OPTIONS)
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big", signed=True)


def _plain(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value.normalize())
    return str(value)
