"""Errors in ClickHouse's own shape: `Code: N. DB::Exception: text (NAME)`, and the HTTP status that a server answers for a code."""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\.")

_STATUS = {
    194: 401,
    **dict.fromkeys((192, 193, 497, 512, 516), 403),
    **dict.fromkeys((6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123), 400),
    **dict.fromkeys((167, 168, 223, 321, 376, 427, 441, 675, 676), 400),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511), 404),
    159: 408,
    381: 411,
    229: 413,
    779: 415,
    48: 501,
    **dict.fromkeys((76, 209, 439), 503),
}
"""As the server's src/Server/HTTP/exceptionCodeToHTTPStatus.cpp; every other code is 500 there, and so it is here."""


class EngineError(Exception):
    """A statement was refused. `code` is ClickHouse's, `text` its message."""

    def __init__(self, text: str) -> None:
        match = _CODE.search(text)
        self.code = int(match.group(1)) if match else 1002
        self.text = text[match.start() :] if match else f"Code: 1002. DB::Exception: {text} (UNKNOWN_EXCEPTION)"
        super().__init__(self.text)

    @property
    def http_status(self) -> int:
        """The status that ClickHouse's HTTP interface answers for the code."""
        return _STATUS.get(self.code, 500)


def refusal(code: int, name: str, message: str) -> EngineError:
    """Return an error of our own in the engine's shape: its number and name, and what to do instead."""
    return EngineError(f"Code: {code}. DB::Exception: {message} ({name})")
