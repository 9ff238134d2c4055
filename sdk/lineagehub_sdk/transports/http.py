"""HTTP: batches to the hub over one kept connection. What the hub answers decides: 2xx is taken, 429 and 5xx wait, 4xx never."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from lineagehub_sdk import _wire
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._guard import log
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable
from lineagehub_sdk.transports._transport import PreparedEvent

if TYPE_CHECKING:
    import http.client

TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
LONGEST_WAIT_SECONDS = 3_600.0


class HttpTransport:
    """POSTs to /api/v1/lineage/ingest. Follows no redirect: the key goes to the configured host only."""

    def __init__(self, config: LineageHubConfig) -> None:
        from urllib.parse import urlsplit

        parts = urlsplit(config.hub_endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TransportRefused(f"LINEAGEHUB_URL is no http address: {config.hub_endpoint!r}")
        self._address = (parts.scheme, parts.hostname, parts.port)
        self._path = parts.path.rstrip("/") + _wire.HTTP_INGEST_PATH
        self._timeout = config.timeout
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {config.api_key}"}
        self._connection: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()

    def send(self, events: list[PreparedEvent]) -> int:
        """See Transport."""
        refused = 0
        for start in range(0, len(events), _wire.MAXIMUM_EVENTS_A_REQUEST):
            bodies = [event.body for event in events[start : start + _wire.MAXIMUM_EVENTS_A_REQUEST]]
            refused += self._post(b'{"events":[' + b",".join(bodies) + b"]}")
        return refused

    def close(self) -> None:
        """See Transport."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _post(self, body: bytes) -> int:
        status, headers, answer = self._exchange(body)
        if status in TRY_AGAIN:
            raise TransportUnavailable(f"the hub answers {status}", _wait_of(headers.get("Retry-After")))
        if not 200 <= status < 300:
            raise TransportRefused(f"the hub answers {status}: {answer[:300].decode(errors='replace')}")
        try:
            receipt = json.loads(answer)
            errors = receipt["errors"]
        except (ValueError, KeyError, TypeError) as error:
            raise TransportUnavailable("the answer is no receipt of a hub") from error
        if errors:
            log.warning("lineagehub: the hub refused %d events, the first because: %s", len(errors), errors[0])
        return len(errors)

    def _exchange(self, body: bytes) -> tuple[int, http.client.HTTPMessage, bytes]:
        import http.client

        with self._lock:
            try:
                connection = self._connection or self._connect()
                self._connection = connection
                connection.request("POST", self._path, body, self._headers)
                answer = connection.getresponse()
                return answer.status, answer.headers, answer.read()
            except (OSError, http.client.HTTPException) as error:
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                raise TransportUnavailable(f"the hub does not answer ({error!r})") from error

    def _connect(self) -> http.client.HTTPConnection:
        import http.client
        import ssl

        scheme, host, port = self._address
        if scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=self._timeout)


def _wait_of(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header, between 1 and 3600; None for none, a date or nonsense (own backoff then)."""
    if retry_after is None or not retry_after.strip().isdigit():
        return None
    return min(max(float(retry_after), 1.0), LONGEST_WAIT_SECONDS)
