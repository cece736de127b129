"""Reads the body of an HTTP request, with limits on time and on size before and after decompression."""

from __future__ import annotations

import asyncio
import zlib

from aiohttp import web

from gateway.http.answer import HttpError

# zlib's names of the formats. The standard defines `deflate` as the zlib format, but it is often raw in practice.
GZIP, ZLIB, RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS


async def read_body(request: web.BaseRequest, *, limit: int, seconds: float) -> bytes:
    """Read and decompress the whole body. Raises `HttpError` if it is too large, too slow or unreadable."""
    if (request.content_length or 0) > limit:
        raise too_large(limit)
    try:
        if request.content.is_eof():
            body = request.content.read_nowait()
        else:
            async with asyncio.timeout(seconds):
                body = await _read(request, limit)
    except TimeoutError:
        raise HttpError(408, "The body did not arrive in time.") from None
    except (web.RequestPayloadError, ConnectionError):
        raise HttpError(400, "The body is incomplete.") from None
    if len(body) > limit:
        raise too_large(limit)
    return decompress(body, request.headers.get("Content-Encoding", ""), limit)


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Undo the body's content encoding. Raises `HttpError` above the limit."""
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflate(body, GZIP, limit)
        case "deflate":
            return _inflate(body, ZLIB if body[:1] and body[0] & 0x0F == 8 else RAW, limit)
    raise HttpError(
        415,
        "The body's Content-Encoding is not supported: send gzip, deflate or none.",
        headers={"Accept-Encoding": "gzip, deflate"},
    )


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    stream = zlib.decompressobj(window)
    try:
        inflated = stream.decompress(body, limit + 1)
    except zlib.error:
        raise HttpError(400, "The body cannot be decompressed: it does not match its Content-Encoding.") from None
    if len(inflated) > limit:
        raise too_large(limit)
    if not stream.eof or stream.unused_data:
        raise HttpError(400, "The compressed body is truncated, or has trailing data.")
    return inflated


def too_large(limit: int) -> HttpError:
    """The error for a body that is too large."""
    return HttpError(413, f"The body is too large: the limit is {limit:,} bytes, before and after decompression.")
