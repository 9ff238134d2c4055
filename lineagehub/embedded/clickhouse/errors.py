"""Errors in ClickHouse's own shape: `Code: N. DB::Exception: text (NAME)`, and the HTTP status that a server answers."""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\.")

_STATUS = {
    **dict.fromkeys((60, 81, 46, 47), 404),
    **dict.fromkeys(
        (6, 16, 26, 27, 36, 38, 41, 42, 43, 44, 50, 53, 62, 69, 70, 72, 73, 115, 117, 130, 131, 386, 457), 400
    ),
    **dict.fromkeys((192, 193, 194, 516), 401),
    **dict.fromkeys((164, 291, 497), 403),
    159: 408,
    48: 501,
}
"""As ClickHouse's exceptionCodeToHTTPStatus; every other code is 500 there, and so it is here."""


class EngineError(Exception):
    """The engine refused a statement. `code` is ClickHouse's, `text` its message."""

    def __init__(self, text: str) -> None:
        match = _CODE.search(text)
        self.code = int(match.group(1)) if match else 1002
        self.text = text[match.start() :] if match else f"Code: 1002. DB::Exception: {text} (UNKNOWN_EXCEPTION)"
        super().__init__(self.text)

    @property
    def http_status(self) -> int:
        """The status that ClickHouse's HTTP interface answers for the code."""
        return _STATUS.get(self.code, 500)
