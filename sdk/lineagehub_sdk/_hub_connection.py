"""Requests to the hub over kept connections, by the standard library. One attempt each: who calls decides what to do after it.

Follows no redirect: the key goes to the configured host only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable

if TYPE_CHECKING:
    import http.client

TRY_AGAIN = frozenset({408, 429, 502, 503, 504})
LONGEST_WAIT_SECONDS = 3_600.0
ANSWER_BYTES = 4 * 1024 * 1024


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
        from urllib.parse import urlsplit

        try:
            parts = urlsplit(config.hub_endpoint)
            self._address = (parts.scheme, parts.hostname or "", parts.port)
        except ValueError as error:
            raise TransportRefused(f"LINEAGEHUB_URL is no address: {error}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TransportRefused("LINEAGEHUB_URL is no http address, such as https://hub.example.com")
        if not all("!" <= character <= "~" for character in config.api_key):
            raise TransportRefused("LINEAGEHUB_API_KEY contains characters that no key has")
        self._base_path = parts.path.rstrip("/")
        self._timeout = config.timeout
        self._headers = {"Authorization": f"Bearer {config.api_key}"} if config.api_key else {}
        self._idle: list[http.client.HTTPConnection] = []

    def exchange(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """Send a request, with a JSON body if any. Raises TransportUnavailable when there is no answer."""
        import http.client

        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        try:
            while self._idle:
                try:
                    return self._request(self._idle.pop(), method, path, body, headers)
                except (ConnectionError, IndexError):
                    # The hub closes connections that were idle for long: that is no sign that it is away.
                    continue
            return self._request(self._connect(), method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
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

        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=ssl.create_default_context())
