"""What clients say of repeats: the id of an event, and the key of a batch. Ids made from contents are contract/lineage/identity.py's."""

from __future__ import annotations

import re

from aiohttp import web

from lineagehub.contract.headers import HTTP_IDEMPOTENCY_KEY
from lineagehub.web.problems import INVALID_EVENT_ID, INVALID_IDEMPOTENCY_KEY, Refused

_is_event_id = re.compile(r"[0-9a-f]{32}").fullmatch
_is_idempotency_key = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?").fullmatch


def normalise_event_id(text: str) -> str:
    """Return an event id (32 hexadecimal digits, or a UUID, in any case) in its one form, or refuse with 400."""
    event_id = text.strip().replace("-", "").lower()
    if _is_event_id(event_id) is None:
        raise Refused(
            INVALID_EVENT_ID, f"The lineagehub-event-id {text[:60]!r} is neither 32 hexadecimal digits nor a UUID."
        )
    return event_id


def check_idempotency_key(request: web.Request) -> None:
    """Refuse with 400 a key that is none. That is all it is needed for: ids made of contents make every repeat harmless."""
    for key in request.headers.getall(HTTP_IDEMPOTENCY_KEY, []):
        if _is_idempotency_key(key) is None:
            raise Refused(
                INVALID_IDEMPOTENCY_KEY, f"The Idempotency-Key {key[:60]!r} is not 1 to 255 visible characters."
            )
