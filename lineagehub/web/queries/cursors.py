"""Cursors: where the next page begins, handed to the client and taken back. Used by all paged reads.

A cursor is opaque and carries a MAC under a key of the hub's over its position and over what it belongs to: the namespace, the path,
and every parameter but `limit`. So a forged one, another tenant's, or one moved to another request is refused, and nothing in it has to
be checked again. It never expires; it is a place in the data and no snapshot of them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from lineagehub.contract.lineage import Fault
from lineagehub.web.parts import PARTS, PRINCIPAL
from lineagehub.web.problems import BAD_CURSOR, Refused

MAXIMUM_LENGTH = 4_000
_VERSION = b"1"
_MAC_BYTES = 16
_UNBOUND = {"cursor", "limit"}

Place = list[Any]
"""What a read needs to go on; each read has its own members."""


def write_cursor(request: web.Request, query: type[BaseModel], place: Place) -> str:
    """Return the cursor of this place for requests like this one."""
    payload = json.dumps(place).encode()
    return base64.urlsafe_b64encode(_VERSION + _mac(request, query, payload) + payload).decode().rstrip("=")


def read_cursor(request: web.Request, query: type[BaseModel], cursor: str | None) -> Place | None:
    """Return the place that a cursor means, None without one. Refuses with 400 what `write_cursor` did not write for such a request."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    version, mac, payload = raw[:1], raw[1 : 1 + _MAC_BYTES], raw[1 + _MAC_BYTES :]
    if version != _VERSION or not hmac.compare_digest(mac, _mac(request, query, payload)):
        fault = Fault(
            "/cursor",
            "is not a cursor of this request. Send nextCursor as it came, with the same path, parameters and namespace, "
            "or begin again without it.",
        )
        raise Refused(BAD_CURSOR, f"cursor: {fault.detail}", [fault])
    place: Place = json.loads(payload)
    return place


def _mac(request: web.Request, query: type[BaseModel], payload: bytes) -> bytes:
    names = {info.alias or name for name, info in query.model_fields.items()} - _UNBOUND
    parameters = sorted([name, value] for name, value in request.query.items() if name in names)
    # The operator has no namespace; what he reads is in the path.
    belongs_to = json.dumps([_VERSION.decode(), request[PRINCIPAL].namespace, request.path, parameters]).encode()
    # JSON of the one ends where that of the other begins: no two pairs give the same bytes.
    return hmac.digest(request.app[PARTS].sealer.cursor_key, belongs_to + payload, "sha256")[:_MAC_BYTES]
