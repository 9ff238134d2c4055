"""What a body is said to be: media type, charset and content encoding, and the bounded decoder of each encoding.

aiohttp's own decoding is off: it takes half of a truncated gzip stream for the whole, passes unknown encodings through,
and goes on inflating a bomb after it was refused (measured; bad-input.md B).
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from typing import Protocol

from aiohttp import web
from backports import zstd

from lineagehub.web.problems import BAD_ENCODING, EMPTY_BODY, UNSUPPORTED_ENCODING, UNSUPPORTED_MEDIA_TYPE, Refused

STEP_BYTES = 1_048_576
"""A decoder gives at most this much at once, so that its caller can count and other requests can run: about 2 ms of
work."""

ZSTD_WINDOW_LOG = 23
"""8 MiB, the largest window of the content coding `zstd` (RFC 9659); a frame may ask for 2 GiB otherwise."""


class Decoder(Protocol):
    """Decodes one stream, piece by piece. Raises Refused when it is broken."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` decodes to, at most STEP_BYTES at a time."""

    def finish(self) -> None:
        """Refuse unless exactly one whole stream was fed."""


def require_media_type(request: web.Request, accepted: Collection[str]) -> str:
    """Return the media type of the body, or refuse with 415 unless it is one of `accepted`, in UTF-8."""
    given = request.headers.getall("Content-Type", [])
    if len(given) != 1 or request.content_type not in accepted:
        raise Refused(
            UNSUPPORTED_MEDIA_TYPE,
            f"The Content-Type is {', '.join(given)[:100] or 'missing'}; this route takes {' and '.join(accepted)}.",
        )
    charset = request.charset
    if charset is not None and charset.lower() not in ("utf-8", "utf8"):
        raise Refused(UNSUPPORTED_MEDIA_TYPE, f"The charset is {charset[:40]}; only UTF-8 is taken.")
    return request.content_type


def decoder_of(request: web.Request) -> Decoder | None:
    """Return the decoder of the body's Content-Encoding, None if it has none.

    Refuse with 415 if it is unknown or not a single one.
    """
    encodings = [encoding.strip().lower() for encoding in request.headers.getall("Content-Encoding", [])]
    if encodings in ([], [""], ["identity"]):
        return None
    if encodings == ["gzip"]:
        return _ZlibDecoder("gzip", zlib.MAX_WBITS | 16)
    if encodings == ["deflate"]:
        return _ZlibDecoder("deflate", zlib.MAX_WBITS)
    if encodings == ["zstd"]:
        return _ZstdDecoder()
    raise Refused(
        UNSUPPORTED_ENCODING,
        f"The Content-Encoding is {', '.join(encodings)[:100]}; use one of gzip, deflate, zstd, or none.",
    )


class _ZlibDecoder:
    def __init__(self, name: str, window_bits: int) -> None:
        self._name = name
        self._stream = zlib.decompressobj(window_bits)
        self._is_empty = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._is_empty = False
        try:
            while data:
                if self._stream.eof:
                    raise _trailing(self._name)
                yield self._stream.decompress(data, STEP_BYTES)
                data = self._stream.unconsumed_tail or self._stream.unused_data
        except zlib.error as error:
            raise Refused(BAD_ENCODING, f"The body is no {self._name} stream: {error}.", close=True) from error

    def finish(self) -> None:
        if self._is_empty:
            raise _empty(self._name)
        if not self._stream.eof:
            raise _cut_short(self._name)


class _ZstdDecoder:
    def __init__(self) -> None:
        options = {int(zstd.DecompressionParameter.window_log_max): ZSTD_WINDOW_LOG}
        self._stream = zstd.ZstdDecompressor(options=options)
        self._is_empty = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._is_empty = False
        try:
            while data or not (self._stream.needs_input or self._stream.eof):
                if self._stream.eof:
                    raise _trailing("zstd")
                yield self._stream.decompress(data, STEP_BYTES)
                data = self._stream.unused_data if self._stream.eof else b""
        except zstd.ZstdError as error:
            raise Refused(BAD_ENCODING, f"The body is no zstd stream: {error}.", close=True) from error

    def finish(self) -> None:
        if self._is_empty:
            raise _empty("zstd")
        if not self._stream.eof:
            raise _cut_short("zstd")


def _trailing(name: str) -> Refused:
    return Refused(
        BAD_ENCODING, f"Something follows the end of the {name} stream; send exactly one stream.", close=True
    )


def _cut_short(name: str) -> Refused:
    return Refused(BAD_ENCODING, f"The {name} stream ends before its end; nothing of it was taken.")


def _empty(name: str) -> Refused:
    return Refused(EMPTY_BODY, f"The body is empty, which is no {name} stream.")
