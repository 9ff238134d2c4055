"""The configuration: arguments and environment into one frozen value.

Precedence, for each field by itself:

    1. an argument of `configure(...)`
    2. LINEAGEHUB_<NAME>            (LINEAGEHUB_URL, _API_KEY, _NAMESPACE, _JOB_NAMESPACE, _TRANSPORT, _KAFKA_BROKERS, …)
    3. LINEAGE_HUB_<NAME>           (aliases of the data-lineage-hub SDK)
    4. OPENLINEAGE_URL, OPENLINEAGE_API_KEY, OPENLINEAGE_NAMESPACE, OPENLINEAGE_DISABLED
    5. the default
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class LineageHubConfig:
    """Everything that the SDK can be told. Times are in seconds."""

    hub_endpoint: str = ""
    api_key: str = ""
    namespace: str = ""
    job_namespace: str = "default"
    transport: str = ""
    kafka_brokers: str = ""
    timeout: float = 10.0
    batch_size: int = 100
    flush_interval: float = 0.5
    flush_timeout: float = 5.0
    queue_size: int = 10_000
    disabled: bool = False

    def __repr__(self) -> str:
        shown = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "api_key"}
        return f"LineageHubConfig({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def effective_transport(self) -> str:
        """The transport's name: what was asked for, else http with a URL, else console; none when disabled."""
        if self.disabled:
            return "none"
        return self.transport or ("http" if self.hub_endpoint else "console")


def _flag(text: str) -> bool:
    return text.strip().lower() in ("1", "true", "yes", "on")


_VARIABLES: dict[str, tuple[tuple[str, ...], Callable[[str], Any]]] = {
    "hub_endpoint": (("LINEAGEHUB_URL", "LINEAGE_HUB_HUB_ENDPOINT", "LINEAGE_HUB_ENDPOINT", "OPENLINEAGE_URL"), str),
    "api_key": (("LINEAGEHUB_API_KEY", "LINEAGE_HUB_API_KEY", "OPENLINEAGE_API_KEY"), str),
    "namespace": (("LINEAGEHUB_NAMESPACE", "LINEAGE_HUB_NAMESPACE"), str),
    "job_namespace": (("LINEAGEHUB_JOB_NAMESPACE", "OPENLINEAGE_NAMESPACE"), str),
    "transport": (("LINEAGEHUB_TRANSPORT",), str),
    "kafka_brokers": (("LINEAGEHUB_KAFKA_BROKERS",), str),
    "timeout": (("LINEAGEHUB_TIMEOUT", "LINEAGE_HUB_TIMEOUT"), float),
    "batch_size": (("LINEAGEHUB_BATCH_SIZE", "LINEAGE_HUB_BATCH_SIZE"), int),
    "flush_interval": (("LINEAGEHUB_FLUSH_INTERVAL", "LINEAGE_HUB_FLUSH_INTERVAL"), float),
    "flush_timeout": (("LINEAGEHUB_FLUSH_TIMEOUT",), float),
    "queue_size": (("LINEAGEHUB_QUEUE_SIZE",), int),
    "disabled": (("LINEAGEHUB_DISABLED", "LINEAGE_HUB_DRY_RUN", "OPENLINEAGE_DISABLED"), _flag),
}


def resolve(arguments: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> LineageHubConfig:
    """Return the configuration of these arguments and this environment. Raises TypeError for an unknown argument, ValueError
    for a value that cannot be read."""
    values: dict[str, Any] = {}
    for name, (variables, read) in _VARIABLES.items():
        for variable in variables:
            if environment.get(variable, "") != "":
                try:
                    values[name] = read(environment[variable])
                except ValueError as error:
                    raise ValueError(f"{variable} is wrong: {error}.") from error
                break
    values |= {name: value for name, value in arguments.items() if value is not None}
    return LineageHubConfig(**values)
