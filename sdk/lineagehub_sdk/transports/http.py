"""HTTP: batches to the hub over one kept connection. What the hub answers decides: 2xx is taken, 429 and 503 wait, 4xx never.

An event needs no id here: the hub makes one from its content, so a batch that is sent twice arrives once.
"""

from __future__ import annotations

import importlib
import json

from lineagehub_sdk import _wire
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._hub_connection import TRY_AGAIN, HubConnection, Reply, read_address, requests_of
from lineagehub_sdk.errors import TransportRefused, TransportUnavailable
from lineagehub_sdk.transports._transport import PreparedEvent, Refusal

SENDING_NEEDS = ("encodings.idna", "gzip", "http.client", "ssl")
COMPRESSED_BYTES = 1_024
"""Below, compressing gains less than it costs."""
ENCODING_REFUSED = 415
BODY_REFUSED = frozenset({400, 413, 422})
"""The whole body was refused, maybe for one event in it."""


class HttpTransport:
    """POSTs to /api/v1/lineage/ingest. Follows no redirect: the key goes to the configured host only."""

    @staticmethod
    def destination(config: LineageHubConfig) -> str:
        """See Transport."""
        try:
            scheme, host, port, path = read_address(config.hub_endpoint)
        except TransportRefused:
            return ""
        return f"{scheme}://{host}{f':{port}' if port else ''}{path}"

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused for an address or a key that cannot be one."""
        for module in SENDING_NEEDS:
            # Now, while the client lets no fork come between.
            importlib.import_module(module)
        self._connection = HubConnection(config)
        self._compress = True
        self._namespace = config.namespace

    def send(self, events: list[PreparedEvent]) -> list[Refusal]:
        """See Transport."""
        parts = requests_of(len(event.body) for event in events)
        return [refusal for part in parts for refusal in self._deliver(events[part])]

    def close(self) -> None:
        """See Transport."""
        self._connection.close()

    def _deliver(self, events: list[PreparedEvent]) -> list[Refusal]:
        reply = self._post(self._body(events))
        if reply.status == ENCODING_REFUSED and self._compress:
            self._compress = False
            return self._deliver(events)
        if reply.status in TRY_AGAIN:
            raise TransportUnavailable(reply.describe(), reply.wait_seconds())
        if reply.status in BODY_REFUSED and len(events) > 1:
            middle = len(events) // 2
            return self._deliver(events[:middle]) + self._deliver(events[middle:])
        if not 200 <= reply.status < 300:
            return [Refusal(event, reply.describe()) for event in events]
        return _read_receipt(reply, events)

    def _body(self, events: list[PreparedEvent]) -> bytes:
        namespace = b'"namespace":' + json.dumps(self._namespace).encode() + b"," if self._namespace else b""
        return b"{" + namespace + b'"events":[' + b",".join(event.body for event in events) + b"]}"

    def _post(self, body: bytes) -> Reply:
        if not self._compress or len(body) <= COMPRESSED_BYTES:
            return self._connection.exchange("POST", _wire.HTTP_INGEST_PATH, body)
        import gzip

        return self._connection.exchange("POST", _wire.HTTP_INGEST_PATH, gzip.compress(body, 1), encoding="gzip")


def _read_receipt(reply: Reply, events: list[PreparedEvent]) -> list[Refusal]:
    """Return what the hub's receipt says was refused. A 2xx without one is no success: a proxy's page, or another server."""
    try:
        receipt = reply.document()
        refused: list[Refusal] = [
            Refusal(events[error["index"]], f"{error['reason']}: {error['detail']}") for error in receipt["errors"]
        ]
        complete = receipt["accepted"] + len(refused) == len(events)
    except (ValueError, LookupError, TypeError) as error:
        raise TransportUnavailable("the answer is no receipt of a hub; is LINEAGEHUB_URL right?") from error
    if not complete:
        raise TransportUnavailable("the hub's receipt does not account for every event")
    return refused
