"""What is answered to bytes that are no HTTP: that they are not, without the line itself. Called by create_app.

aiohttp (3.14) quotes the offending line in its answer, so a key with a control character behind it would come back in clear: such requests
reach no middleware.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from lineagehub.telemetry.redaction import redact

_handle_error = RequestHandler.handle_error


def quote_no_malformed_lines() -> None:
    """Have every RequestHandler of this process answer with the first line of its message. May be repeated."""
    RequestHandler.handle_error = _without_quotation  # type: ignore[assignment,method-assign] # aiohttp takes no handler of ours.


def _without_quotation(
    handler: RequestHandler,
    request: web.BaseRequest,
    status: int = 500,
    exc: BaseException | None = None,
    message: str | None = None,
) -> web.StreamResponse:
    if message is not None:
        message = redact(message.partition("\n")[0].rstrip(":"))
    return _handle_error(handler, request, status, exc, message)
