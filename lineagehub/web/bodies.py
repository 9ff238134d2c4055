"""Reads request bodies, bounded in every direction: bytes on the wire and decoded, time, and all bodies together.

Used by the receivers. A body that ends early, stalls or does not decode never reaches a handler, so nothing of it is
produced. No namespace can fill the memory with bodies that it does not end, so that others are refused: with several bodies it may hold as
much as it leaves free, which is half of all alone, a third beside another that does so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import Gauge

from lineagehub.web.content import Decoder, decoder_of
from lineagehub.web.parts import PRINCIPAL
from lineagehub.web.problems import BODY_TIMEOUT, EMPTY_BODY, INVALID_REQUEST, OVERLOADED, PAYLOAD_TOO_LARGE, Refused

SLOWEST_BYTES_PER_SECOND = 262_144
"""Each 256 KiB that arrive buy one more second: a slow uplink is served, one byte every five seconds is not."""

LARGE_BYTES = 262_144
"""Parsing more than this takes milliseconds: receivers do it in a thread."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The largest body in bytes, on the wire and decoded; and whether an empty one means something."""

    wire_bytes: int
    decoded_bytes: int
    may_be_empty: bool = False


class Bodies:
    """All request bodies of this process."""

    def __init__(self, in_flight_bytes: int, timeout_seconds: float, gauge: Gauge) -> None:
        self._limit = in_flight_bytes
        self._timeout_seconds = timeout_seconds
        self._gauge = gauge
        self._in_flight = 0
        self._holders: dict[str | None, _Holder] = {}

    @asynccontextmanager
    async def read(self, request: web.Request, limits: BodyLimits) -> AsyncIterator[bytes]:
        """Give the whole decoded body; its bytes count as in flight until the block ends.

        Refuses with 413 (from the header alone if that is too large), 415, 400 (empty, broken or cut short), 408 (stalled),
        503 (too many bodies in memory). Every refusal before the end of the body closes the connection.
        """
        decoder = decoder_of(request)
        declared = request.content_length
        if declared is not None and declared > limits.wire_bytes:
            raise _too_large("body", limits.wire_bytes)
        principal = request.get(PRINCIPAL)
        reservation = _Reservation(self, principal.namespace if principal is not None else None)
        try:
            yield await self._receive(request, decoder, limits, reservation)
        finally:
            reservation.release()

    async def _receive(
        self, request: web.Request, decoder: Decoder | None, limits: BodyLimits, reservation: _Reservation
    ) -> bytes:
        if decoder is None and request.content.is_eof() and request.content.exception() is None:
            # All of it came with the headers, as small bodies do: no timer, no waiting.
            body = request.content.read_nowait()
            if len(body) > limits.wire_bytes:
                raise _too_large("body", limits.wire_bytes)
            reservation.add(len(body))
            return _not_empty(body, limits)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout_seconds
        pieces: list[bytes] = []
        received = 0
        try:
            async with asyncio.timeout_at(deadline) as timer:
                while chunk := await request.content.readany():
                    received += len(chunk)
                    if received > limits.wire_bytes:
                        raise _too_large("body", limits.wire_bytes)
                    timer.reschedule(deadline + received / SLOWEST_BYTES_PER_SECOND)
                    if decoder is None:
                        reservation.add(len(chunk))
                        pieces.append(chunk)
                    else:
                        await _decode(decoder, chunk, pieces, limits, reservation)
        except TimeoutError as error:
            raise Refused(
                BODY_TIMEOUT, f"Only {received} bytes of the body arrived in time; send it without pauses.", close=True
            ) from error
        except (ConnectionError, HttpProcessingError, web.RequestPayloadError) as error:
            raise Refused(INVALID_REQUEST, "The body ended before its end or is framed wrongly.", close=True) from error
        if decoder is not None:
            decoder.finish()
        return _not_empty(pieces[0] if len(pieces) == 1 else b"".join(pieces), limits)

    def _begin(self, namespace: str | None) -> _Holder:
        holder = self._holders.setdefault(namespace, _Holder())
        holder.bodies += 1
        return holder

    def _take(self, holder: _Holder, size: int) -> None:
        free = self._limit - self._in_flight
        if size > free:
            raise Refused(
                OVERLOADED, "The hub holds as many request bodies as it may; send this one again shortly.", close=True
            )
        # A single body is never refused for its namespace's sake: however often it came, it would be no smaller.
        if holder.bodies > 1 and holder.size + size > free:
            raise Refused(
                OVERLOADED,
                "The hub holds as many request bodies of this namespace as leave room for others; send this one again shortly.",
                close=True,
            )
        self._in_flight += size
        holder.size += size
        self._gauge.set(self._in_flight)

    def _end(self, namespace: str | None, holder: _Holder, size: int) -> None:
        self._in_flight -= size
        holder.size -= size
        holder.bodies -= 1
        if not holder.bodies:
            del self._holders[namespace]
        self._gauge.set(self._in_flight)


@dataclass(slots=True)
class _Holder:
    """How many bodies a namespace has under way, and the bytes that they hold."""

    bodies: int = 0
    size: int = 0


class _Reservation:
    """The bytes that one request holds."""

    def __init__(self, bodies: Bodies, namespace: str | None) -> None:
        self._bodies = bodies
        self._namespace = namespace
        self._holder = bodies._begin(namespace)
        self.size = 0

    def add(self, size: int) -> None:
        self._bodies._take(self._holder, size)
        self.size += size

    def release(self) -> None:
        self._bodies._end(self._namespace, self._holder, self.size)
        self.size = 0


async def _decode(
    decoder: Decoder, chunk: bytes, pieces: list[bytes], limits: BodyLimits, reservation: _Reservation
) -> None:
    for number, piece in enumerate(decoder.feed(chunk)):
        reservation.add(len(piece))
        if reservation.size > limits.decoded_bytes:
            raise _too_large("decoded body", limits.decoded_bytes)
        pieces.append(piece)
        if number:
            # A long stream leaves the event loop to other requests after each step.
            await asyncio.sleep(0)


def _not_empty(body: bytes, limits: BodyLimits) -> bytes:
    if not body and not limits.may_be_empty:
        raise Refused(EMPTY_BODY, "The body is empty; send one.")
    return body


def _too_large(what: str, limit: int) -> Refused:
    return Refused(PAYLOAD_TOO_LARGE, f"The {what} is larger than {limit} bytes; send less at once.", close=True)


BODIES = web.AppKey("bodies", Bodies)
