"""Requests to the hub over kept connections, by the standard library: for the http transport and the clients.

One attempt each: who calls decides what to do after it. Follows no redirect: the key goes to the configured host only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineagehub_sdk import _wire
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable

if TYPE_CHECKING:
    import http.client

TRY_AGAIN = frozenset({408, 429, 502, 503, 504})
LONGEST_WAIT_SECONDS = 3_600.0
ANSWER_BYTES = 4 * 1024 * 1024
REQUEST_BYTES = 500_000
"""Items of one request together, unless one by itself is larger. The hub takes 32 MiB; a slow line should not time out."""


@dataclass(frozen=True)
class Reply:
    """What the hub, or what stands in front of it, answers."""

    status: int
    retry_after: str | None
    body: bytes

    def document(self) -> Any:
        """Return the body as JSON. Raises ValueError when it is none: a proxy's page, or another server."""
        return json.loads(self.body)

    def describe(self) -> str:
        """Return the answer in a sentence: the hub's own, if it is the hub's."""
        if 300 <= self.status < 400:
            return (
                f"the hub answers {self.status}, and redirects are not followed: set LINEAGEHUB_URL to where it leads"
            )
        try:
            detail = self.document().get("detail")
        except (ValueError, AttributeError):
            detail = self.body[:200].decode(errors="replace").strip()
        return f"the hub answers {self.status}: {detail}" if detail else f"the hub answers {self.status}"

    def wait_seconds(self) -> float | None:
        """Return the seconds of Retry-After, between 1 and 3600; None for none, a date or nonsense (own backoff then)."""
        if self.retry_after is None or not self.retry_after.strip().isdecimal():
            return None
        return min(max(float(self.retry_after), 1.0), LONGEST_WAIT_SECONDS)


class HubConnection:
    """As many kept connections as requests are under way at once. Safe to be called from several threads."""

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused for an address or a key that cannot be one."""
        scheme, host, port, self._base_path = read_address(config.hub_endpoint)
        self._address = (scheme, host, port)
        if not all("!" <= character <= "~" for character in config.api_key):
            raise TransportRefused("LINEAGEHUB_API_KEY contains characters that no key has")
        self._timeout, self._verify = config.timeout, config.tls_verify
        self._headers = {"Authorization": f"Bearer {config.api_key}"} if config.api_key else {}
        self._idle: list[http.client.HTTPConnection] = []

    def exchange(self, method: str, path: str, body: bytes | None = None, encoding: str = "") -> Reply:
        """Send a request, with a JSON body if any, which may be encoded ("gzip"). Raises TransportUnavailable without an answer."""
        import http.client

        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        headers |= {"Content-Encoding": encoding} if encoding else {}
        try:
            while self._idle:
                try:
                    return self._request(self._idle.pop(), method, path, body, headers)
                except (ConnectionError, IndexError):
                    # The hub closes connections that were idle for long: that is no sign that it is away.
                    continue
            return self._request(self._connect(), method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise TransportUnavailable(
                    f"the hub's certificate is not trusted ({error}); LINEAGEHUB_TLS_VERIFY=false would not ask for one"
                ) from error
            raise TransportUnavailable(f"the hub does not answer ({error!r})") from error

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.pop().close()

    def _request(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: dict[str, str],
    ) -> Reply:
        kept = False
        try:
            connection.request(method, self._base_path + path, body, headers)
            answer = connection.getresponse()
            content = answer.read(ANSWER_BYTES)
            kept = answer.isclosed() and connection.sock is not None
            return Reply(answer.status, answer.headers.get("Retry-After"), content)
        finally:
            if kept:
                self._idle.append(connection)
            else:
                connection.close()

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


def read_address(url: str) -> tuple[str, str, int | None, str]:
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


def requests_of(sizes: Iterable[int]) -> Iterator[slice]:
    """Split items of these sizes into what one request may hold."""
    start = end = size = 0
    for end, added in enumerate(sizes, 1):
        if end - 1 > start and (size + added > REQUEST_BYTES or end - start > _wire.MAXIMUM_EVENTS_A_REQUEST):
            yield slice(start, end - 1)
            start, size = end - 1, 0
        size += added
    if end:
        yield slice(start, end)
