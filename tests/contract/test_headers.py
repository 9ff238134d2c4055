"""The signed envelope: what is written can be read, whatever is malformed is told apart, and a signature binds everything."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from lineagehub.contract.headers import (
    MAXIMUM_HEADERS,
    SIGNED_HEADERS,
    BadEnvelope,
    ContentKind,
    Envelope,
    derive_signing_key,
    read_headers,
)

KEY = derive_signing_key("secret", "Abcd1234")
ENVELOPE = Envelope("analytics", "Abcd1234", "event-1", 1_769_860_800_123, ContentKind.OPENLINEAGE)
TOPIC = "openlineage-events"
VALUE = b'{"eventType":"START"}'


def signed_headers(**changes: bytes | None) -> list[tuple[str, Any]]:
    """Headers of a right record, with some replaced; a name is written without `lh-`."""
    headers = dict(ENVELOPE.to_headers(KEY, TOPIC, VALUE))
    return [(name, changes.get(name.removeprefix("lh-"), value)) for name, value in headers.items()]


fields = st.text(st.characters(codec="utf-8").filter(str.isprintable), min_size=1, max_size=40)


@given(fields, fields, fields, st.integers(0, 10**15 - 1), st.binary(max_size=100))
def test_an_envelope_is_read_as_it_was_written(
    namespace: str, key_id: str, event_id: str, timestamp: int, value: bytes
) -> None:
    envelope = Envelope(namespace, key_id, event_id, timestamp, ContentKind.TRACES)
    read, signature = read_headers(envelope.to_headers(KEY, TOPIC, value))
    assert read == envelope
    assert hmac.compare_digest(signature, envelope.signature(KEY, TOPIC, value))


def test_headers_of_others_are_passed_over() -> None:
    others: list[tuple[str, Any]] = [
        ("traceparent", b"00-1-1-01"),
        ("content-type", b"x"),
        ("traceparent", b"again"),
        ("nothing", None),
    ]
    assert read_headers([*others, *signed_headers()])[0] == ENVELOPE


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Envelope)])
def test_the_signature_binds_each_field(field: str) -> None:
    changed: dict[str, Any] = {"timestamp_ms": 1} if field == "timestamp_ms" else {field: "other"}
    other = dataclasses.replace(ENVELOPE, **changed)
    assert other.signature(KEY, TOPIC, VALUE) != ENVELOPE.signature(KEY, TOPIC, VALUE)


def test_the_signature_binds_topic_value_and_key() -> None:
    right = ENVELOPE.signature(KEY, TOPIC, VALUE)
    assert ENVELOPE.signature(KEY, "otel-spans", VALUE) != right
    assert ENVELOPE.signature(KEY, TOPIC, VALUE + b" ") != right
    assert ENVELOPE.signature(derive_signing_key("secret", "Abcd1235"), TOPIC, VALUE) != right


def test_fields_cannot_be_shifted_into_their_neighbours() -> None:
    one = dataclasses.replace(ENVELOPE, namespace="ab", key_id="c")
    two = dataclasses.replace(ENVELOPE, namespace="a", key_id="bc")
    assert one.signature(KEY, TOPIC, VALUE) != two.signature(KEY, TOPIC, VALUE)


def test_the_signing_key_is_hkdf_sha256_of_rfc_5869() -> None:
    independent = HKDF(hashes.SHA256(), 32, salt=None, info=b"lh-kafka-v1|Abcd1234").derive(b"secret")
    assert independent == KEY


def test_the_signature_can_be_made_by_hand_from_its_description() -> None:
    message = b"LH1"
    for field in ("analytics", "Abcd1234", "event-1", "1769860800123", "openlineage+json", TOPIC):
        message += len(field).to_bytes(4, "big") + field.encode()
    message += hashlib.sha256(VALUE).digest()
    assert hmac.new(KEY, message, "sha256").digest() == ENVELOPE.signature(KEY, TOPIC, VALUE)


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ([], "unsigned"),
        ([("traceparent", b"00-1-1-01")], "unsigned"),
        ([("LH-V", b"1")], "unsigned"),
        ([("lh-v", b"9")], "unsupported"),
        (signed_headers(v=b"9"), "unsupported"),
        (signed_headers(v=b"1 "), "unsupported"),
        (signed_headers(v=b"01"), "unsupported"),
        ([("lh-v", b"1")], "malformed"),
        ([("lh-ns", b"analytics")], "malformed"),
        ([*signed_headers(), ("lh-ns", b"other")], "malformed"),
        ([*signed_headers(), ("lh-ns", b"analytics")], "malformed"),
        ([*signed_headers(), ("lh-sig", b"")], "malformed"),
        (signed_headers(ts=b"now"), "malformed"),
        (signed_headers(ts=b"-1"), "malformed"),
        (signed_headers(ts=b"1.5"), "malformed"),
        (signed_headers(ts=b"1" * 16), "malformed"),
        (signed_headers(ts="١٢٣".encode()), "malformed"),
        (signed_headers(ns=b"\xff\xfe"), "malformed"),
        (signed_headers(id=b"\xed\xa0\x80"), "malformed"),
        (signed_headers(id=b"a\r\nlh-ns: other"), "malformed"),
        (signed_headers(ns=b"analytics\0"), "malformed"),
        (signed_headers(ct=b"\x1b[2J"), "malformed"),
        (signed_headers(id=b"a" * 256), "malformed"),
        (signed_headers(sig=b"not base64!"), "malformed"),
        (signed_headers(sig=b"abcde"), "malformed"),
        ([("x", b"")] * (MAXIMUM_HEADERS + 1), "malformed"),
        ([*[("x", b"")] * 100_000, *signed_headers()], "malformed"),
        *[(signed_headers(**{name.removeprefix("lh-"): b""}), "malformed") for name in SIGNED_HEADERS],
    ],
)
def test_what_is_no_envelope_is_told_apart(headers: list[tuple[str, Any]], kind: str) -> None:
    with pytest.raises(BadEnvelope) as caught:
        read_headers(headers)
    assert caught.value.kind == kind
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("name", SIGNED_HEADERS)
def test_a_null_header_value_is_a_missing_field(name: str) -> None:
    headers = [(header, None if header == name else value) for header, value in signed_headers()]
    with pytest.raises(BadEnvelope, match=f"lacks {name}") as caught:
        read_headers(headers)  # type: ignore[arg-type]  # Kafka allows null values, and aiokafka passes them on.
    assert caught.value.kind == "malformed"


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*SIGNED_HEADERS, "lh-", "x"]), st.one_of(st.binary(max_size=30), st.sampled_from([b"1"]))
        ),
        max_size=12,
    )
)
def test_no_headers_whatever_raise_anything_else(headers: list[tuple[str, bytes]]) -> None:
    with contextlib.suppress(BadEnvelope):
        envelope, _ = read_headers(headers)
        assert envelope.namespace
