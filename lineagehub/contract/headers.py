"""The signed envelope, version 1: the Kafka headers that say who wrote a record.

A consumer cannot see the producer's principal, and anyone with WRITE on a shared topic can put another's name into a
header; only the signature proves it (security.md section 3, measured: sign 8-10 us, verify 10 us for 2 KiB). The web and
the SDK sign; the agents verify. The SDK repeats this in `_wire.py`; a test holds the two equal.

What is signed is the same for HMAC-SHA256 and for Ed25519; which of them it is, the record of the key says, and no header.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from lineagehub.contract.signals import Signal

VERSION = "1"
_VERSION = VERSION.encode()
MAXIMUM_HEADERS = 32
"""More headers than this on one record is an attack: brokers accept 100,000 (security.md section 1)."""

MAXIMUM_FIELD_BYTES = 255
"""Of what names a namespace, a key, an event, a kind of content."""

HEADER_VERSION = "lh-v"
HEADER_NAMESPACE = "lh-ns"
HEADER_KEY_ID = "lh-kid"
HEADER_EVENT_ID = "lh-id"
HEADER_TIMESTAMP = "lh-ts"
HEADER_CONTENT_KIND = "lh-ct"
HEADER_SIGNATURE = "lh-sig"

SIGNED_HEADERS = (
    HEADER_VERSION,
    HEADER_NAMESPACE,
    HEADER_KEY_ID,
    HEADER_EVENT_ID,
    HEADER_TIMESTAMP,
    HEADER_CONTENT_KIND,
    HEADER_SIGNATURE,
)

HTTP_EVENT_ID = "lineagehub-event-id"
"""HTTP request header by which a client names its event, so that a repeat is recognised."""

HTTP_IDEMPOTENCY_KEY = "Idempotency-Key"
"""HTTP request header of a batch that may be sent again (draft-ietf-httpapi-idempotency-key-header)."""

HTTP_NAMESPACE = "lineagehub-namespace"
"""HTTP request header by which a person who belongs to several namespaces says which is meant. It chooses, and gives no right."""

KAFKA_KEY_INFO = b"lh-kafka-v1|"
"""HKDF info prefix under which the HMAC key is derived from an API key's secret."""
KAFKA_ED25519_INFO = b"lh-kafka-ed25519-v1|"
"""The same for the Ed25519 private key."""


class ContentKind(StrEnum):
    """What the value of a signed record is: a tenant's, or the hub's own AUDIT and DEAD_LETTER_DECISION."""

    OPENLINEAGE = "openlineage+json"
    TRACES = "otlp-traces+protobuf"
    METRICS = "otlp-metrics+protobuf"
    LOGS = "otlp-logs+protobuf"
    AUDIT = "lineagehub-audit+json"
    DEAD_LETTER_DECISION = "lineagehub-dead-letter-decision+json"

    @property
    def signal(self) -> Signal:
        """The signal that such a value carries. Raises KeyError for the hub's own, which carry none."""
        return _SIGNALS[self]


FLAT = ";flat"
"""Follows the content kind of an OTLP request that the web has parsed and found without maps and arrays: agents need not look."""

SOUND = ";sound"
"""Follows the content kind of an OpenLineage event whose facets the web has found to be what the specification says, each of them."""

_ATTEMPT = re.compile(r"(.*);attempt=([2-9])", re.DOTALL)
"""Follows the content kind of a record that the hub sends again from the dead letters; the first attempt is its writer's, and not named."""

_SIGNALS = {
    ContentKind.OPENLINEAGE: Signal.LINEAGE,
    ContentKind.TRACES: Signal.TRACES,
    ContentKind.METRICS: Signal.METRICS,
    ContentKind.LOGS: Signal.LOGS,
}


_FINDINGS = {kind: SOUND if signal is Signal.LINEAGE else FLAT for kind, signal in _SIGNALS.items()}


def attempt_of(kind: ContentKind, attempt: int) -> str:
    """Return the content kind that says which attempt this is (2 to 9)."""
    return f"{kind.value};attempt={attempt}"


class BadEnvelope(ValueError):
    """The headers are not one well-formed envelope. `kind` tells unsigned, malformed and unsupported apart."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who wrote a record, with which key, when, and what it is. `timestamp_ms`: milliseconds since the epoch.

    `content_kind` is a ContentKind's value, with FLAT or SOUND behind it or without; or with the attempt, on what the hub sends again.
    """

    namespace: str
    key_id: str
    event_id: str
    timestamp_ms: int
    content_kind: str

    def says(self, finding: str) -> bool:
        """Whether its writer says this of the value (FLAT, SOUND); to be believed of the hub only."""
        return self.content_kind.endswith(finding)

    @property
    def attempt(self) -> int:
        """How often this record was sent, this time included: above 1 the hub has re-driven it. It is signed, hence to be believed of
        whoever signed; agents refuse it from anybody but the hub."""
        found = _ATTEMPT.fullmatch(self.content_kind)
        return int(found.group(2)) if found else 1

    @property
    def is_redriven(self) -> bool:
        """Whether the hub sends it again from the dead letters; for an envelope that was found to be of a kind."""
        return ";attempt=" in self.content_kind

    def is_a(self, kind: ContentKind) -> bool:
        """Whether the value is of this kind."""
        found = _ATTEMPT.fullmatch(self.content_kind)
        stated = found.group(1) if found else self.content_kind
        return stated.removesuffix(_FINDINGS.get(kind, "")) == kind.value

    def signed_message(self, topic: str, value: bytes, value_digest: bytes | None = None) -> bytes:
        """Return what a signature is over: the length-prefixed fields, the topic and SHA-256(value)."""
        return _message(self._fields(), topic, value_digest or hashlib.sha256(value).digest())

    def signature(self, signing_key: bytes, topic: str, value: bytes) -> bytes:
        """Return the HMAC-SHA256 over the length-prefixed fields, the topic and SHA-256(value). 5-6 us for 2 KiB."""
        return hmac.digest(signing_key, self.signed_message(topic, value), "sha256")

    def to_headers(
        self, signing_key: bytes, topic: str, value: bytes, value_digest: bytes | None = None
    ) -> list[tuple[str, bytes]]:
        """Return the seven headers of a record with this `value` on this `topic`, signed.

        `value_digest` is SHA-256(value) of a caller who has it already: for large values the hash is most of the work.
        """
        return self.headers_with(hmac.digest(signing_key, self.signed_message(topic, value, value_digest), "sha256"))

    def headers_with(self, signature: bytes) -> list[tuple[str, bytes]]:
        """Return the seven headers of a record that has this signature."""
        encoded = base64.urlsafe_b64encode(signature).rstrip(b"=")
        return list(zip(SIGNED_HEADERS, (_VERSION, *self._fields(), encoded), strict=True))

    def _fields(self) -> tuple[bytes, ...]:
        """Return what is signed, in the order of SIGNED_HEADERS."""
        return (
            self.namespace.encode(),
            self.key_id.encode(),
            self.event_id.encode(),
            str(self.timestamp_ms).encode(),
            self.content_kind.encode(),
        )


def read_headers(headers: Iterable[tuple[str, bytes]]) -> tuple[Envelope, bytes]:
    """Read one record's headers into (envelope, signature bytes). Nothing is verified here.

    Raises BadEnvelope: kind "unsigned" without any `lh-` header, "unsupported" for another version, "malformed" for more
    than 32 headers, a missing or repeated field, or a field that is not text of the expected form: one line of at most 255 bytes.
    """
    fields: dict[str, bytes] = {}
    for count, (name, value) in enumerate(headers, 1):
        if count > MAXIMUM_HEADERS:
            raise BadEnvelope("malformed", f"The record has more than {MAXIMUM_HEADERS} headers.")
        if not name.startswith("lh-"):
            continue
        if name in fields:
            raise BadEnvelope("malformed", f"The header {name} is there twice.")
        fields[name] = value
    if not fields:
        raise BadEnvelope("unsigned", "The record has no lh- headers, so nobody can tell who wrote it.")
    version = fields.get(HEADER_VERSION)
    if version and version != VERSION.encode():
        raise BadEnvelope("unsupported", f"The envelope version is {version[:16]!r}; this hub reads {VERSION}.")
    missing = [name for name in SIGNED_HEADERS if not fields.get(name)]
    if missing:
        raise BadEnvelope("malformed", f"The envelope lacks {', '.join(missing)}.")
    try:
        envelope = Envelope(
            namespace=_word(fields[HEADER_NAMESPACE]),
            key_id=_word(fields[HEADER_KEY_ID]),
            event_id=_word(fields[HEADER_EVENT_ID]),
            timestamp_ms=_digits(fields[HEADER_TIMESTAMP]),
            content_kind=_word(fields[HEADER_CONTENT_KIND]),
        )
        encoded = fields[HEADER_SIGNATURE]
        signature = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise BadEnvelope("malformed", f"An envelope field cannot be read: {error}.") from error
    return envelope, signature


def derive_signing_key(api_secret: str, key_id: str) -> bytes:
    """Return K = HKDF-SHA256(secret, empty salt, "lh-kafka-v1|" + kid, 32 bytes) (RFC 5869): what signs records by HMAC."""
    return _derive(api_secret, KAFKA_KEY_INFO, key_id)


def derive_ed25519_key(api_secret: str, key_id: str) -> bytes:
    """Return the private key (RFC 8032, 32 bytes) that signs records by Ed25519: HKDF as above, "lh-kafka-ed25519-v1|" + kid."""
    return _derive(api_secret, KAFKA_ED25519_INFO, key_id)


def _derive(api_secret: str, info: bytes, key_id: str) -> bytes:
    pseudo_random_key = hmac.digest(bytes(32), api_secret.encode(), "sha256")
    return hmac.digest(pseudo_random_key, info + key_id.encode() + b"\x01", "sha256")


def _message(fields: tuple[bytes, ...], topic: str, value_digest: bytes) -> bytes:
    signed = (*fields, topic.encode())
    lengths_and_fields = (part for field in signed for part in (len(field).to_bytes(4, "big"), field))
    return b"".join((b"LH1", *lengths_and_fields, value_digest))


def _word(text: bytes) -> str:
    word = text.decode()
    if len(text) > MAXIMUM_FIELD_BYTES or not word.isprintable():
        raise ValueError(f"{word[:20]!r} is too long or not printable")
    return word


def _digits(text: bytes) -> int:
    if not text.isdigit() or len(text) > 15:
        raise ValueError(f"{text[:20]!r} is not milliseconds since the epoch")
    return int(text)
