"""Compressed bodies, both ways: a request's Content-Encoding undone piece by piece, an answer packed.

Memory stays bounded by the pieces, whatever a body unpacks to; only lz4, which has no such reader here, is taken whole.
A body that ends before its stream does is an error, never a shorter body.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Iterator

import cramjam
from backports import zstd

from lineagehub.embedded.clickhouse.errors import EngineError, refusal

PIECE_BYTES = 1 << 20
_FASTEST = 1

_ERRORS = {
    "gzip": (354, "ZLIB_INFLATE_FAILED"),
    "deflate": (354, "ZLIB_INFLATE_FAILED"),
    "zstd": (561, "ZSTD_DECODER_FAILED"),
    "lz4": (618, "LZ4_DECODER_FAILED"),
}


async def unpacked(body: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Yield a body without its Content-Encoding. Several streams one after another are one body, as for the server.

    Raises EngineError for an unknown encoding and for a stream that is broken or cut.
    """
    if encoding in ("", "identity"):
        async for chunk in body:
            yield chunk
    elif encoding == "lz4":
        yield _whole_lz4(b"".join([chunk async for chunk in body]))
    elif encoding in _ERRORS:
        streams = _Streams(encoding)
        async for chunk in body:
            for piece in streams.feed(chunk):
                yield piece
        streams.finish()
    else:
        known = ", ".join(_ERRORS)
        raise refusal(
            89, "UNKNOWN_COMPRESSION_METHOD", f"Content-Encoding {encoding[:50]} is not known; use one of {known}."
        )


def gzipped(data: bytes) -> bytes:
    """Return an answer as one gzip stream."""
    packer = zlib.compressobj(_FASTEST, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


class _Streams:
    """Streams of one encoding, one behind another."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._open = _OPENERS[encoding]
        self._stream: _Zlib | _Zstd | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                self._stream = self._stream or self._open()
                yield from self._stream.feed(data)
                data = self._stream.rest
                if self._stream.ended:
                    self._stream = None
        except (zlib.error, zstd.ZstdError) as error:
            raise _broken(self._encoding) from error

    def finish(self) -> None:
        if self._stream is not None:
            raise _broken(self._encoding)


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._stream = zlib.decompressobj(window_bits)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self._stream.eof:
            yield self._stream.decompress(data, PIECE_BYTES)
            data = self._stream.unconsumed_tail

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstd.ZstdDecompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(data, PIECE_BYTES)
        while not (self._stream.needs_input or self._stream.eof):
            yield self._stream.decompress(b"", PIECE_BYTES)

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def rest(self) -> bytes:
        return self._stream.unused_data


_OPENERS: dict[str, Callable[[], _Zlib | _Zstd]] = {
    "gzip": lambda: _Zlib(31),
    "deflate": lambda: _Zlib(15),
    "zstd": _Zstd,
}


def _whole_lz4(data: bytes) -> bytes:
    try:
        return bytes(cramjam.lz4.decompress(data)) if data else b""
    except cramjam.DecompressionError as error:
        raise _broken("lz4") from error


def _broken(encoding: str) -> EngineError:
    code, name = _ERRORS[encoding]
    return refusal(code, name, f"The body is no complete {encoding} stream; nothing of it was taken.")
