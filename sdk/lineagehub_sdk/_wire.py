"""The lines of the hub's wire contract that a producer needs, repeated here so that the SDK imports nothing of the hub.

tests/contract/test_sdk_mirror.py holds them equal to `lineagehub.contract`; tests/contract/golden/ freezes what each release wrote. What
only signing needs is imported there, so that `import lineagehub_sdk` stays cheap.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any

OPENLINEAGE_EVENTS = "openlineage-events"
OTEL_SPANS = "otel-spans"
OTEL_METRICS = "otel-metrics"
OTEL_LOGS = "otel-logs"

OPENLINEAGE = "openlineage+json"
TRACES = "otlp-traces+protobuf"
METRICS = "otlp-metrics+protobuf"
LOGS = "otlp-logs+protobuf"

HTTP_INGEST_PATH = "/api/v1/lineage/ingest"
HTTP_TRACES_PATH = "/v1/traces"
HTTP_METRICS_PATH = "/v1/metrics"
HTTP_LOGS_PATH = "/v1/logs"
MAXIMUM_EVENTS_A_REQUEST = 1_000

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ED25519 = "ed25519"
KEY_ID_LENGTH, SECRET_LENGTH, CHECKSUM_LENGTH = 8, 43, 6

Record = tuple[str, bytes | None, bytes, list[tuple[str, bytes]]]
"""Topic, key, value, headers."""

Sign = Callable[[bytes], bytes]
"""Returns the signature of a message."""


def split_api_key(api_key: str) -> tuple[str, str, str]:
    """Return (algorithm, key id, secret) of `lh_<environment>_[ed25519_]<kid>_<secret><crc>`; the algorithm is "" for HMAC.

    Raises ValueError for a key that is none or mistyped.
    """
    parts = api_key.split("_")
    body, check = api_key[:-CHECKSUM_LENGTH], api_key[-CHECKSUM_LENGTH:]
    algorithm = parts.pop(2) if len(parts) == 5 else ""
    well_formed = len(parts) == 4 and parts[0] == "lh" and algorithm in ("", ED25519) and len(parts[2]) == KEY_ID_LENGTH
    if not well_formed or len(parts[3]) != SECRET_LENGTH + CHECKSUM_LENGTH or _checksum(body) != check:
        raise ValueError("The API key is not one of LineageHub's, or was mistyped.")
    return algorithm, parts[2], parts[3][:SECRET_LENGTH]


def signer(api_key: str) -> tuple[str, Sign]:
    """Return (key id, what signs Kafka records with it). The key that signs is HKDF-SHA256 of the secret.

    Raises ValueError for a key that is none or mistyped, ImportError for one of Ed25519 without the package cryptography.
    """
    algorithm, kid, secret = split_api_key(api_key)
    if algorithm == ED25519:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return kid, Ed25519PrivateKey.from_private_bytes(_derive(secret, b"lh-kafka-ed25519-v1|", kid)).sign
    import hmac

    key = _derive(secret, b"lh-kafka-v1|", kid)
    return kid, lambda message: hmac.digest(key, message, "sha256")


def signed_headers(
    *, sign: Sign, namespace: str, kid: str, event_id: str, timestamp_ms: int, kind: str, topic: str, value: bytes
) -> list[tuple[str, bytes]]:
    """Return the seven headers of a signed record (envelope version 1)."""
    import base64
    import hashlib
    import struct

    message = bytearray(b"LH1")
    for field in (namespace, kid, event_id, str(timestamp_ms), kind, topic):
        encoded = field.encode()
        message += struct.pack(">I", len(encoded)) + encoded
    message += hashlib.sha256(value).digest()
    signature = base64.urlsafe_b64encode(sign(bytes(message))).rstrip(b"=")
    return [
        ("lh-v", b"1"),
        ("lh-ns", namespace.encode()),
        ("lh-kid", kid.encode()),
        ("lh-id", event_id.encode()),
        ("lh-ts", str(timestamp_ms).encode()),
        ("lh-ct", kind.encode()),
        ("lh-sig", signature),
    ]


def lineage_key(event: Mapping[str, Any]) -> bytes:
    """Return the record key of an event: `run:` of the root, parent or own job; `job:`; `dataset:`.

    A malformed parent facet falls back to the own job. Raises ValueError for what is no OpenLineage event.
    """
    try:
        if event.get("run") is not None:
            return _named("run", _ancestor_job(event["run"]) or event["job"])
        kind = "job" if "job" in event else "dataset"
        return _named(kind, event[kind])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("an event needs a job or a dataset, with a namespace and a name") from error


def _ancestor_job(run: Mapping[str, Any]) -> Mapping[str, Any] | None:
    facets = run.get("facets")
    parent = facets.get("parent") if isinstance(facets, dict) else None
    root = parent.get("root") if isinstance(parent, dict) else None
    for holder in (root, parent):
        job = holder.get("job") if isinstance(holder, dict) else None
        if isinstance(job, dict) and all(
            job.get(part) and isinstance(job[part], str) for part in ("namespace", "name")
        ):
            return job
    return None


def _named(kind: str, entity: Mapping[str, Any]) -> bytes:
    return f"{kind}:{entity['namespace']}/{entity['name']}".encode()


def _derive(secret: str, info: bytes, kid: str) -> bytes:
    import hmac

    pseudo_random_key = hmac.digest(bytes(32), secret.encode(), "sha256")
    return hmac.digest(pseudo_random_key, info + kid.encode() + b"\x01", "sha256")


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
