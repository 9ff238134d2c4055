"""Kafka: straight to the broker, signed with the API key, acknowledged by all replicas. Extra: `lineagehub-sdk[kafka]`.

aiokafka is imported when a producer is opened, so that `import lineagehub_sdk` stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lineagehub_sdk import _wire
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk._wire import Record
from lineagehub_sdk.errors import TransportRefused
from lineagehub_sdk.transports._transport import PreparedEvent, Refusal

if TYPE_CHECKING:
    from lineagehub_sdk.transports._kafka_producer import KafkaProducer


class Signer:
    """Makes the signed records of one namespace."""

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused when the key or the namespace is missing or wrong."""
        if not config.namespace:
            raise TransportRefused("the kafka transport needs LINEAGEHUB_NAMESPACE: the key does not say its namespace")
        try:
            self._kid, self._sign = _wire.signer(config.api_key)
        except ValueError as error:
            raise TransportRefused(f"the kafka transport signs with LINEAGEHUB_API_KEY: {error}") from error
        except ImportError as error:
            raise TransportRefused(
                f"the key signs by Ed25519, which needs cryptography ({error}): pip install 'lineagehub-sdk[kafka,ed25519]'"
            ) from error
        self._namespace = config.namespace

    def lineage(self, event: PreparedEvent) -> Record:
        """Return the record of an OpenLineage event."""
        topic, kind = _wire.OPENLINEAGE_EVENTS, _wire.OPENLINEAGE
        return self._signed(topic, kind, event.key, event.body, event.event_id, event.timestamp_ms)

    def spans(self, request: bytes, event_id: str, timestamp_ms: int) -> Record:
        """Return the record of an ExportTraceServiceRequest."""
        return self._signed(_wire.OTEL_SPANS, _wire.TRACES, None, request, event_id, timestamp_ms)

    def metrics(self, request: bytes, event_id: str, timestamp_ms: int) -> Record:
        """Return the record of an ExportMetricsServiceRequest."""
        return self._signed(_wire.OTEL_METRICS, _wire.METRICS, None, request, event_id, timestamp_ms)

    def logs(self, request: bytes, event_id: str, timestamp_ms: int) -> Record:
        """Return the record of an ExportLogsServiceRequest."""
        return self._signed(_wire.OTEL_LOGS, _wire.LOGS, None, request, event_id, timestamp_ms)

    def _signed(
        self, topic: str, kind: str, key: bytes | None, value: bytes, event_id: str, timestamp_ms: int
    ) -> Record:
        headers = _wire.signed_headers(
            sign=self._sign,
            namespace=self._namespace,
            kid=self._kid,
            event_id=event_id,
            timestamp_ms=timestamp_ms,
            kind=kind,
            topic=topic,
            value=value,
        )
        return topic, key, value, headers


class KafkaTransport:
    """Lineage events, straight to Kafka."""

    @staticmethod
    def destination(config: LineageHubConfig) -> str:
        """See Transport."""
        return config.kafka_brokers and f"kafka://{config.kafka_brokers}"

    def __init__(self, config: LineageHubConfig) -> None:
        """Raises TransportRefused when something is missing: the key, the namespace, the brokers or the package."""
        self._signer = Signer(config)
        self._producer = open_producer(config)

    def send(self, events: list[PreparedEvent]) -> list[Refusal]:
        """See Transport."""
        reasons = self._producer.send([self._signer.lineage(event) for event in events])
        return [Refusal(event, reason) for event, reason in zip(events, reasons, strict=True) if reason]

    def close(self) -> None:
        """See Transport."""
        self._producer.close()


def open_producer(config: LineageHubConfig) -> KafkaProducer:
    """Return a producer, not yet connected. Raises TransportRefused when something is missing or wrong."""
    if not config.kafka_brokers:
        raise TransportRefused("the kafka transport needs LINEAGEHUB_KAFKA_BROKERS, such as kafka-1:9092,kafka-2:9092")
    try:
        from lineagehub_sdk.transports._kafka_producer import KafkaProducer
    except ImportError as error:
        raise TransportRefused(
            f"the kafka transport needs aiokafka ({error}): pip install 'lineagehub-sdk[kafka]'"
        ) from error
    return KafkaProducer(config)
