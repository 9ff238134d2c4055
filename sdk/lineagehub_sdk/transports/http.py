"""HTTP: batches to the hub over one kept connection. What the hub answers decides: 2xx is taken, 429 and 503 wait, 4xx never.

An event needs no id here: the hub makes one from its content, so a batch that is sent twice arrives once.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lineagehub_sdk import _wire
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable
from lineagehub_sdk.transports._transport import PreparedEvent, Refusal

if TYPE_CHECKING:
    import http.client

COMPRESSED_BYTES = 1_024
"""Below, compressing gains less than it costs."""
ENCODING_REFUSED = 415
TRY_AGAIN = frozenset({408, 429, 502, 503, 504})
BODY_REFUSED = frozenset({400, 413, 422})
"""The whole body was refused, maybe for one event in it."""
LONGEST_WAIT_SECONDS = 3_600.0
SENDING_NEEDS = ("encodings.idna", "gzip", "http.client", "ssl")
REQUEST_BYTES = 500_000
"""Events of one request together, unless one by itself is larger. The hub takes 32 MiB; a slow line should not time out."""
ANSWER_BYTES = 4 * 1024 * 1024


class HttpTransport:
    """POSTs to /api/v1/lineage/ingest. Follows no redirect: the key goes to the configured host only."""

    @staticmethod
    def destination(config: LineageHubConfig) -> str:
        """See Transport."""
        try:
            scheme, host, port, path = _read_address(config.hub_endpoint)
        except TransportRefused:
            return ""
        return f"{scheme}://{host}{f':{port}' if port else ''}{path}"

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused for an address or a key that cannot be one."""
        scheme, host, port, path = _read_address(config.hub_endpoint)
        for module in SENDING_NEEDS:
            # Now, while the client lets no fork come between.
            importlib.import_module(module)
        self._address = (scheme, host, port)
        if not all("!" <= character <= "~" for character in config.api_key):
            raise TransportRefused("LINEAGEHUB_API_KEY contains characters that no key has")
        self._path = path + _wire.HTTP_INGEST_PATH
        self._timeout = config.timeout
        self._verify = config.tls_verify
        self._compress = True
        self._namespace = config.namespace
        self._headers = {"Content-Type": "application/json"}
        if config.api_key:
            self._headers["Authorization"] = f"Bearer {config.api_key}"
        self._connection: http.client.HTTPConnection | None = None

    def send(self, events: list[PreparedEvent]) -> list[Refusal]:
        """See Transport."""
        return [refusal for part in _parts(events) for refusal in self._deliver(part)]

    def close(self) -> None:
        """See Transport."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _deliver(self, events: list[PreparedEvent]) -> list[Refusal]:
        status, retry_after, answer = self._exchange(self._body(events))
        if status == ENCODING_REFUSED and self._compress:
            self._compress = False
            return self._deliver(events)
        if status in TRY_AGAIN:
            raise TransportUnavailable(_describe(status, answer), _wait_seconds(retry_after))
        if status in BODY_REFUSED and len(events) > 1:
            middle = len(events) // 2
            return self._deliver(events[:middle]) + self._deliver(events[middle:])
        if not 200 <= status < 300:
            return [Refusal(event, _describe(status, answer)) for event in events]
        return _read_receipt(answer, events)

    def _body(self, events: list[PreparedEvent]) -> bytes:
        namespace = b'"namespace":' + json.dumps(self._namespace).encode() + b"," if self._namespace else b""
        return b"{" + namespace + b'"events":[' + b",".join(event.body for event in events) + b"]}"

    def _exchange(self, body: bytes) -> tuple[int, str | None, bytes]:
        """POST a body; return (status, Retry-After, answer)."""
        import http.client

        headers = self._headers
        if self._compress and len(body) > COMPRESSED_BYTES:
            import gzip

            body, headers = gzip.compress(body, 1), {**headers, "Content-Encoding": "gzip"}
        reused = self._connection is not None
        try:
            try:
                return self._request(body, headers)
            except ConnectionError:
                # The hub closes connections that were idle for long: that is no sign that it is away.
                if not reused:
                    raise
                self.close()
                return self._request(body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise TransportUnavailable(
                    f"the hub's certificate is not trusted ({error}); LINEAGEHUB_TLS_VERIFY=false would not ask for one"
                ) from error
            raise TransportUnavailable(f"the hub does not answer ({error!r})") from error

    def _request(self, body: bytes, headers: dict[str, str]) -> tuple[int, str | None, bytes]:
        if self._connection is None:
            self._connection = self._connect()
        self._connection.request("POST", self._path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read(ANSWER_BYTES)
        if not answer.isclosed():
            self.close()
        return answer.status, answer.headers.get("Retry-After"), content

    def _connect(self) -> http.client.HTTPConnection:
        import http.client

        scheme, host, port = self._address
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        import ssl

        context = ssl.create_default_context()
        if not self._verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)


def _read_address(url: str) -> tuple[str, str, int | None, str]:
    """Return (scheme, host, port, path) of a hub's address. Raises TransportRefused for one that is none."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise TransportRefused(f"LINEAGEHUB_URL is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TransportRefused("LINEAGEHUB_URL is no http address, such as https://hub.example.com")
    return parts.scheme, parts.hostname, port, parts.path.rstrip("/")


def _parts(events: list[PreparedEvent]) -> Iterator[list[PreparedEvent]]:
    """Split events into what one request may hold."""
    part: list[PreparedEvent] = []
    size = 0
    for event in events:
        if part and (size + len(event.body) > REQUEST_BYTES or len(part) >= _wire.MAXIMUM_EVENTS_A_REQUEST):
            yield part
            part, size = [], 0
        part.append(event)
        size += len(event.body)
    yield part


def _read_receipt(answer: bytes, events: list[PreparedEvent]) -> list[Refusal]:
    """Return what the hub's receipt says was refused. A 2xx without one is no success: a proxy's page, or another server."""
    try:
        receipt = json.loads(answer)
        refused: list[Refusal] = [
            Refusal(events[error["index"]], f"{error['reason']}: {error['detail']}") for error in receipt["errors"]
        ]
        complete = receipt["accepted"] + len(refused) == len(events)
    except (ValueError, LookupError, TypeError) as error:
        raise TransportUnavailable("the answer is no receipt of a hub; is LINEAGEHUB_URL right?") from error
    if not complete:
        raise TransportUnavailable("the hub's receipt does not account for every event")
    return refused


def _describe(status: int, answer: bytes) -> str:
    if 300 <= status < 400:
        return f"the hub answers {status}, and redirects are not followed: set LINEAGEHUB_URL to where it leads"
    detail: Any = None
    try:
        detail = json.loads(answer).get("detail")
    except (ValueError, AttributeError):
        detail = answer[:200].decode(errors="replace").strip()
    return f"the hub answers {status}: {detail}" if detail else f"the hub answers {status}"


def _wait_seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header, between 1 and 3600; None for none, a date or nonsense (own backoff then)."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return None
    return min(max(float(retry_after), 1.0), LONGEST_WAIT_SECONDS)
