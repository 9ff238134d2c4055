"""The fields of the configuration: by which variables each may be set, in the order in which they decide, and how a value is read.

Readers raise TypeError or ValueError, which say what the value should be. To add a field: a line here, and in `_config` its default and its
type as an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

LONGEST_SECONDS = 86_400.0


def _text(value: object) -> str:
    return str(value).strip()


def _transports(value: Any) -> str:
    names = value.split("+") if isinstance(value, str) else [str(name) for name in value]
    return "+".join(dict.fromkeys(name.strip() for name in names))


def _flag(value: object) -> bool:
    text = str(value).strip().lower()
    if text not in _FLAGS:
        raise ValueError(f"{value!r} is neither true nor false")
    return _FLAGS[text]


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise ValueError(f"{value!r} is no number of seconds from 0 to {LONGEST_SECONDS:g}")
    return seconds


def _timeout(value: Any) -> float:
    # A socket with a timeout of 0 does not wait at all.
    return max(_seconds(value), 0.1)


def _count(value: Any) -> int:
    count = _count_or_zero(value)
    if count < 1:
        raise ValueError(f"{value!r} is no number above 0")
    return count


def _count_or_zero(value: Any) -> int:
    count = int(value)
    if count < 0 or count != float(value):
        raise ValueError(f"{value!r} is no whole number from 0")
    return count


def _transport_of_openlineage(value: str) -> str | None:
    # Its kafka is no signed one; a class, ours (`lineagehub_sdk.openlineage`) among them, says nothing of where we send.
    return {"http": "http", "async_http": "http", "console": "console", "noop": "none"}.get(value.strip())


def _key_of_openlineage(value: str) -> str:
    import json

    document = json.loads(value)
    return str(document.get("apiKey") or document["api_key"]).strip()


_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _ours_and_theirs(name: str) -> tuple[str, str]:
    return f"LINEAGEHUB_{name}", f"LINEAGE_HUB_{name}"


FIELDS: dict[str, tuple[tuple[str, ...], Callable[[Any], Any]]] = {
    "hub_endpoint": (
        (
            "LINEAGEHUB_URL",
            *_ours_and_theirs("HUB_ENDPOINT"),
            "LINEAGE_HUB_ENDPOINT",
            "OPENLINEAGE_URL",
            "OPENLINEAGE__TRANSPORT__URL",
        ),
        _text,
    ),
    "api_key": (
        (
            *_ours_and_theirs("API_KEY"),
            "OPENLINEAGE_API_KEY",
            "OPENLINEAGE__TRANSPORT__AUTH__API_KEY",
            "OPENLINEAGE__TRANSPORT__AUTH",
        ),
        _text,
    ),
    "namespace": (_ours_and_theirs("NAMESPACE"), _text),
    "job_namespace": (("LINEAGEHUB_JOB_NAMESPACE", "OPENLINEAGE_NAMESPACE"), _text),
    "service_name": (("LINEAGEHUB_SERVICE_NAME", "OTEL_SERVICE_NAME"), _text),
    "transport": (("LINEAGEHUB_TRANSPORT", "OPENLINEAGE__TRANSPORT__TYPE"), _transports),
    "kafka_brokers": (("LINEAGEHUB_KAFKA_BROKERS",), _text),
    "kafka_security_protocol": (("LINEAGEHUB_KAFKA_SECURITY_PROTOCOL",), _text),
    "kafka_sasl_mechanism": (("LINEAGEHUB_KAFKA_SASL_MECHANISM",), _text),
    "kafka_sasl_username": (("LINEAGEHUB_KAFKA_SASL_USERNAME",), _text),
    "kafka_sasl_password": (("LINEAGEHUB_KAFKA_SASL_PASSWORD",), str),
    "kafka_ssl_cafile": (("LINEAGEHUB_KAFKA_SSL_CAFILE",), _text),
    "timeout": ((*_ours_and_theirs("TIMEOUT"), "OPENLINEAGE__TRANSPORT__TIMEOUT"), _timeout),
    "retry_attempts": (_ours_and_theirs("RETRY_ATTEMPTS"), _count_or_zero),
    "retry_delay": (_ours_and_theirs("RETRY_DELAY"), _seconds),
    "batch_size": (_ours_and_theirs("BATCH_SIZE"), _count),
    "flush_interval": (_ours_and_theirs("FLUSH_INTERVAL"), _seconds),
    "flush_timeout": (("LINEAGEHUB_FLUSH_TIMEOUT",), _seconds),
    "queue_size": (("LINEAGEHUB_QUEUE_SIZE",), _count),
    "enable_lineage": (_ours_and_theirs("ENABLE_LINEAGE"), _flag),
    "enable_telemetry": ((*_ours_and_theirs("ENABLE_TELEMETRY"), "OTEL_SDK_DISABLED"), _flag),
    "auto_instrument": (_ours_and_theirs("AUTO_INSTRUMENT"), _flag),
    "disabled": (("LINEAGEHUB_DISABLED", "OPENLINEAGE_DISABLED"), _flag),
    "dry_run": (_ours_and_theirs("DRY_RUN"), _flag),
    "send": (("LINEAGEHUB_SEND", "PYTEST_VERSION"), _flag),
    "debug": (_ours_and_theirs("DEBUG"), _flag),
    # Delivery.
    "spool_directory": (("LINEAGEHUB_SPOOL_DIRECTORY",), _text),
    "spool_size": (("LINEAGEHUB_SPOOL_SIZE",), _count_or_zero),
    "file": (("LINEAGEHUB_FILE",), _text),
    "tls_verify": (("LINEAGEHUB_TLS_VERIFY",), _flag),
}

OTHERWISE: dict[str, Callable[[Any], Any]] = {
    "OPENLINEAGE__TRANSPORT__TYPE": _transport_of_openlineage,
    "OPENLINEAGE__TRANSPORT__AUTH": _key_of_openlineage,
    "OTEL_SDK_DISABLED": lambda value: not _flag(value),
    "PYTEST_VERSION": lambda version: False,
}
"""Variables of others, which say the same in another way; None: nothing that concerns us."""
