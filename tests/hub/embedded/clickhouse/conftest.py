"""One embedded ClickHouse server for this folder."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from tests.support.clickhouse import EmbeddedClickHouse, start_embedded_clickhouse

Ask = Callable[..., tuple[int, str | None, str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedClickHouse]:
    """A running server."""
    with start_embedded_clickhouse(tmp_path_factory.mktemp("clickhouse")) as running:
        yield running


def ask(url: str, statement: str, body: bytes | None = None, **parameters: str) -> tuple[int, str | None, str]:
    """Send a statement as curl would; return (status, exception code, text)."""
    query = parameters if body is None else {"query": statement, **parameters}
    target = url + "/" + ("?" + urllib.parse.urlencode(query) if query else "")
    request = urllib.request.Request(target, data=statement.encode() if body is None else body)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers["X-ClickHouse-Exception-Code"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["X-ClickHouse-Exception-Code"], error.read().decode()
