"""The configuration: arguments and environment into one frozen value.

Precedence, for each field by itself:

    1. an argument of `configure(...)`
    2. LINEAGEHUB_<NAME>            (LINEAGEHUB_URL, _API_KEY, _NAMESPACE, _JOB_NAMESPACE, _TRANSPORT, _KAFKA_BROKERS, …)
    3. LINEAGE_HUB_<NAME>           (aliases of the data-lineage-hub SDK)
    4. OPENLINEAGE_URL, OPENLINEAGE_API_KEY, OPENLINEAGE_NAMESPACE, OPENLINEAGE_DISABLED
    5. the default

A value that cannot be read is reported, and the next source in this order decides. LINEAGEHUB_STRICT is read by `_guard`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypedDict

from lineagehub_sdk._guard import never_raise

LONGEST_SECONDS = 86_400.0
_SECRETS = ("api_key", "kafka_sasl_password")


@dataclass(frozen=True)
class LineageHubConfig:
    """Everything that the SDK can be told. Times are in seconds."""

    hub_endpoint: str = ""
    api_key: str = ""
    namespace: str = ""
    job_namespace: str = "default"
    transport: str = ""
    kafka_brokers: str = ""
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_sasl_mechanism: str = "SCRAM-SHA-512"
    kafka_sasl_username: str = ""
    kafka_sasl_password: str = ""
    kafka_ssl_cafile: str = ""
    timeout: float = 10.0
    batch_size: int = 100
    flush_interval: float = 0.5
    flush_timeout: float = 5.0
    queue_size: int = 10_000
    disabled: bool = False
    # Delivery.
    spool_directory: str = ""
    spool_size: int = 256 * 1024 * 1024
    file: str = ""
    tls_verify: bool = True

    def __repr__(self) -> str:
        shown = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _SECRETS}
        return f"LineageHubConfig({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def transports(self) -> tuple[str, ...]:
        """The names of the transports: one, or those of "file+http", each of which has every event."""
        return tuple(self.effective_transport.split("+"))

    @property
    def effective_transport(self) -> str:
        """The transport's name: what was asked for, else http with a URL, else console; none when disabled."""
        if self.disabled:
            return "none"
        return self.transport or ("http" if self.hub_endpoint else "console")


class ConfigurationArguments(TypedDict, total=False):
    """The arguments of `configure`: fields of LineageHubConfig; None is as good as absent."""

    hub_endpoint: str | None
    api_key: str | None
    namespace: str | None
    job_namespace: str | None
    transport: str | Sequence[str] | None
    kafka_brokers: str | None
    kafka_security_protocol: str | None
    kafka_sasl_mechanism: str | None
    kafka_sasl_username: str | None
    kafka_sasl_password: str | None
    kafka_ssl_cafile: str | None
    timeout: float | None
    batch_size: int | None
    flush_interval: float | None
    flush_timeout: float | None
    queue_size: int | None
    disabled: bool | None
    spool_directory: str | None
    spool_size: int | None
    file: str | None
    tls_verify: bool | None


def _text(value: object) -> str:
    return str(value).strip()


def _transports(value: object) -> str:
    names = value.split("+") if isinstance(value, str) else [str(name) for name in value]  # type: ignore[attr-defined]
    return "+".join(dict.fromkeys(name.strip() for name in names))


def _flag(value: object) -> bool:
    return str(value).strip().lower() in ("1", "true", "yes", "on")


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise ValueError(f"{value!r} is no number of seconds from 0 to {LONGEST_SECONDS:g}")
    return seconds


def _timeout(value: Any) -> float:
    # A socket with a timeout of 0 does not wait at all.
    return max(_seconds(value), 0.1)


def _count(value: Any) -> int:
    count = int(value)
    if count < 1:
        raise ValueError(f"{value!r} is no number above 0")
    return count


def _bytes(value: Any) -> int:
    size = int(value)
    if size < 0:
        raise ValueError(f"{value!r} is no number of bytes")
    return size


_FIELDS: dict[str, tuple[tuple[str, ...], Callable[[Any], Any]]] = {
    "hub_endpoint": (("LINEAGEHUB_URL", "LINEAGE_HUB_HUB_ENDPOINT", "LINEAGE_HUB_ENDPOINT", "OPENLINEAGE_URL"), _text),
    "api_key": (("LINEAGEHUB_API_KEY", "LINEAGE_HUB_API_KEY", "OPENLINEAGE_API_KEY"), _text),
    "namespace": (("LINEAGEHUB_NAMESPACE", "LINEAGE_HUB_NAMESPACE"), _text),
    "job_namespace": (("LINEAGEHUB_JOB_NAMESPACE", "OPENLINEAGE_NAMESPACE"), _text),
    "transport": (("LINEAGEHUB_TRANSPORT",), _transports),
    "kafka_brokers": (("LINEAGEHUB_KAFKA_BROKERS",), _text),
    "kafka_security_protocol": (("LINEAGEHUB_KAFKA_SECURITY_PROTOCOL",), _text),
    "kafka_sasl_mechanism": (("LINEAGEHUB_KAFKA_SASL_MECHANISM",), _text),
    "kafka_sasl_username": (("LINEAGEHUB_KAFKA_SASL_USERNAME",), _text),
    "kafka_sasl_password": (("LINEAGEHUB_KAFKA_SASL_PASSWORD",), str),
    "kafka_ssl_cafile": (("LINEAGEHUB_KAFKA_SSL_CAFILE",), _text),
    "timeout": (("LINEAGEHUB_TIMEOUT", "LINEAGE_HUB_TIMEOUT"), _timeout),
    "batch_size": (("LINEAGEHUB_BATCH_SIZE", "LINEAGE_HUB_BATCH_SIZE"), _count),
    "flush_interval": (("LINEAGEHUB_FLUSH_INTERVAL", "LINEAGE_HUB_FLUSH_INTERVAL"), _seconds),
    "flush_timeout": (("LINEAGEHUB_FLUSH_TIMEOUT",), _seconds),
    "queue_size": (("LINEAGEHUB_QUEUE_SIZE",), _count),
    "disabled": (("LINEAGEHUB_DISABLED", "LINEAGE_HUB_DRY_RUN", "OPENLINEAGE_DISABLED"), _flag),
    # Delivery.
    "spool_directory": (("LINEAGEHUB_SPOOL_DIRECTORY",), _text),
    "spool_size": (("LINEAGEHUB_SPOOL_SIZE",), _bytes),
    "file": (("LINEAGEHUB_FILE",), _text),
    "tls_verify": (("LINEAGEHUB_TLS_VERIFY",), _flag),
}


def resolve(arguments: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> LineageHubConfig:
    """Return the configuration of these arguments and this environment. Raises under LINEAGEHUB_STRICT only."""
    for name in arguments.keys() - _FIELDS.keys():
        with never_raise(f"reading the argument {name}"):
            raise TypeError(f"configure() takes {', '.join(_FIELDS)}")
    values: dict[str, Any] = {}
    for name, (variables, read) in _FIELDS.items():
        given = [(f"the argument {name}", arguments.get(name))]
        given += [(variable, environment.get(variable) or None) for variable in variables]
        for source, value in given:
            if value is not None:
                with never_raise(f"reading {source}"):
                    values[name] = read(value)
                    break
    return LineageHubConfig(**values)
