"""`google.rpc.Status`: how OTLP routes refuse, in the encoding of the request (OTLP specification, "Failures").

Written by hand: the message has two fields, and the package that holds it is no dependency of ours.
"""

from __future__ import annotations

import orjson
from aiohttp import web

from lineagehub.web.endpoint import JSON, PROTOBUF

INVALID_ARGUMENT = 3
_CODES = {401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 8, 429: 8, 503: 14}
"""HTTP status to google.rpc.Code; anything else is INVALID_ARGUMENT."""


def status_answer(request: web.Request, status: int, message: str) -> web.Response:
    """Return a refusal as google.rpc.Status: protobuf if the request is, else JSON."""
    code = _CODES.get(status, INVALID_ARGUMENT)
    if request.content_type != PROTOBUF:
        return web.Response(body=orjson.dumps({"code": code, "message": message}), status=status, content_type=JSON)
    text = message.encode()
    return web.Response(
        body=bytes((0x08, code, 0x12)) + encode_varint(len(text)) + text, status=status, content_type=PROTOBUF
    )


def encode_varint(number: int) -> bytes:
    """Return a non-negative number as a protobuf varint."""
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)
