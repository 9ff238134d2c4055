"""The configuration: arguments, environment and a file into one frozen value, which knows where each of its fields came from.

Precedence, for each field by itself (`lineagehub-sdk config --sources` prints who decided):

    1. an argument of `configure(...)` or `LineageHubConfig(...)`
    2. LINEAGEHUB_<NAME>            (LINEAGEHUB_URL, _API_KEY, _NAMESPACE, _JOB_NAMESPACE, _TRANSPORT, _KAFKA_BROKERS, …)
    3. LINEAGE_HUB_<NAME>           (aliases of the data-lineage-hub SDK)
    4. OPENLINEAGE_<NAME>, then OPENLINEAGE__TRANSPORT__<NAME>
    5. OTEL_SERVICE_NAME, OTEL_SDK_DISABLED; and PYTEST_VERSION, which pytest sets: nothing leaves a test unless asked
    6. the file: LINEAGEHUB_CONFIG, else ~/.config/lineagehub/sdk.toml if it is there; its keys are the fields' names
    7. the default

A value that cannot be read is reported, and the next source in this order decides. LINEAGEHUB_STRICT is read by `_guard`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict, Unpack

from lineagehub_sdk._config_fields import FIELDS, OTHERWISE
from lineagehub_sdk._guard import never_raise

ARGUMENT, DEFAULT = "argument", "default"
MASK = "***"
PRECEDENCE = (
    "an argument",
    "LINEAGEHUB_*",
    "LINEAGE_HUB_*",
    "OPENLINEAGE_*",
    "OTEL_*",
    "the file (LINEAGEHUB_CONFIG, else ~/.config/lineagehub/sdk.toml)",
    "the default",
)
_SECRETS = ("api_key", "kafka_sasl_password")
_LEAVE_THE_MACHINE = ("http", "kafka")


class ConfigurationArguments(TypedDict, total=False):
    """The arguments of `configure` and of LineageHubConfig: its fields; None is as good as absent."""

    hub_endpoint: str | None
    api_key: str | None
    namespace: str | None
    job_namespace: str | None
    service_name: str | None
    transport: str | Sequence[str] | None
    kafka_brokers: str | None
    kafka_security_protocol: str | None
    kafka_sasl_mechanism: str | None
    kafka_sasl_username: str | None
    kafka_sasl_password: str | None
    kafka_ssl_cafile: str | None
    timeout: float | None
    retry_attempts: int | None
    retry_delay: float | None
    batch_size: int | None
    flush_interval: float | None
    flush_timeout: float | None
    queue_size: int | None
    enable_lineage: bool | None
    enable_telemetry: bool | None
    auto_instrument: bool | None
    disabled: bool | None
    dry_run: bool | None
    send: bool | None
    debug: bool | None
    spool_directory: str | None
    spool_size: int | None
    file: str | None
    tls_verify: bool | None


@dataclass(frozen=True, init=False, repr=False)
class LineageHubConfig:
    """Everything that the SDK can be told; what is not given comes from the environment, the file, or the defaults here.

    Times are in seconds. `namespace` may stay empty: over HTTP the key decides it, and one that is not the key's is refused.
    `retry_attempts` and `retry_delay` are for the clients whose answer is waited for; in the background nothing is given up.
    """

    hub_endpoint: str = ""
    api_key: str = ""
    namespace: str = ""
    job_namespace: str = "default"
    service_name: str = ""
    transport: str = ""
    kafka_brokers: str = ""
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_sasl_mechanism: str = "SCRAM-SHA-512"
    kafka_sasl_username: str = ""
    kafka_sasl_password: str = ""
    kafka_ssl_cafile: str = ""
    timeout: float = 10.0
    retry_attempts: int = 3
    retry_delay: float = 1.0
    batch_size: int = 100
    flush_interval: float = 0.5
    flush_timeout: float = 5.0
    queue_size: int = 10_000
    enable_lineage: bool = True
    enable_telemetry: bool = True
    auto_instrument: bool = True
    disabled: bool = False
    dry_run: bool = False
    send: bool = True
    debug: bool = False
    # Delivery.
    spool_directory: str = ""
    spool_size: int = 256 * 1024 * 1024
    file: str = ""
    tls_verify: bool = True

    sources: Mapping[str, str] = field(default_factory=dict, init=False, compare=False)
    """By field: "argument", a variable's name, "file" and its path, or "default"."""

    def __init__(self, **arguments: Unpack[ConfigurationArguments]) -> None:
        _decide(self, arguments, os.environ)

    def __repr__(self) -> str:
        return (
            f"LineageHubConfig({', '.join(f'{name}={value!r}' for name, value, _ in explain(self) if value != MASK)})"
        )

    @property
    def transports(self) -> tuple[str, ...]:
        """The names of the transports: one, or those of "file+http", each of which has every event."""
        return tuple(self.effective_transport.split("+"))

    @property
    def effective_transport(self) -> str:
        """The transport's name: what was asked for, else http with a URL, else console.

        None when disabled, console for a dry run; what leaves the machine is left out where nothing may be sent.
        """
        if self.disabled:
            return "none"
        if self.dry_run:
            return "console"
        name = self.transport or ("http" if self.hub_endpoint else "console")
        if self.send:
            return name
        return "+".join(part for part in self.transport.split("+") if part not in _LEAVE_THE_MACHINE) or "none"


def resolve(arguments: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> LineageHubConfig:
    """Return the configuration of these arguments and this environment. Raises under LINEAGEHUB_STRICT only."""
    config = object.__new__(LineageHubConfig)
    _decide(config, arguments, environment)
    return config


def explain(config: LineageHubConfig) -> list[tuple[str, Any, str]]:
    """Return (field, value, source) of each field; secrets that are set are masked."""
    return [
        (name, MASK if name in _SECRETS and getattr(config, name) else getattr(config, name), source)
        for name, source in config.sources.items()
    ]


def _decide(config: LineageHubConfig, arguments: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    """Give a new configuration its fields, each from the first source that has a value that can be read."""
    for name in arguments.keys() - FIELDS.keys():
        with never_raise(f"reading the argument {name}"):
            raise TypeError(f"there is no such field: there are {', '.join(FIELDS)}")
    path, file = _read_file(environment)
    defaults = {entry.name: entry.default for entry in fields(LineageHubConfig)}
    sources: dict[str, str] = {}
    for name, (variables, read) in FIELDS.items():
        value, source = defaults[name], DEFAULT
        candidates = [(ARGUMENT, arguments.get(name))]
        candidates += [(variable, environment.get(variable) or None) for variable in variables]
        candidates.append((f"file {path}", file.get(name)))
        for origin, given in candidates:
            if given is not None:
                with never_raise(f"reading {name} from {origin}"):
                    found = OTHERWISE.get(origin, read)(given)
                    if found is not None:
                        value, source = found, origin
                        break
        object.__setattr__(config, name, value)
        sources[name] = source
    object.__setattr__(config, "sources", sources)


def _read_file(environment: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
    """Return path and fields of the file; no fields when there is none, or it cannot be read."""
    home = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME", ""), ".config")
    asked = environment.get("LINEAGEHUB_CONFIG", "")
    path = asked or os.path.join(home, "lineagehub", "sdk.toml")
    if asked or (os.path.isabs(path) and os.path.exists(path)):
        with never_raise(f"reading the file {path}"):
            import tomllib

            with open(path, "rb") as file:
                content = tomllib.load(file)
            for name in content.keys() - FIELDS.keys():
                with never_raise(f"reading {name} of {path}"):
                    raise TypeError(f"there is no such field: there are {', '.join(FIELDS)}")
            return path, content
    return path, {}
