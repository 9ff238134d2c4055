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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypedDict, Unpack

from lineagehub_sdk._guard import never_raise

LONGEST_SECONDS = 86_400.0
ARGUMENT, DEFAULT = "argument", "default"
MASK = "***"
_SECRETS = ("api_key", "kafka_sasl_password")
_LEAVE_THE_MACHINE = ("http", "kafka")


class ConfigurationArguments(TypedDict, total=False):
    """The arguments of `configure` and of LineageHubConfig: its fields; None is as good as absent."""

    hub_endpoint: str | None
    api_key: str | None
    namespace: str | None
    job_namespace: str | None
    service_name: str | None
    transport: str | None
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

    sources: Mapping[str, str] = field(default_factory=dict, init=False, compare=False)
    """By field: "argument", a variable's name, "file" and its path, or "default"."""

    def __init__(self, **arguments: Unpack[ConfigurationArguments]) -> None:
        _decide(self, arguments, os.environ)

    def __repr__(self) -> str:
        return (
            f"LineageHubConfig({', '.join(f'{name}={value!r}' for name, value, _ in explain(self) if value != MASK)})"
        )

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
    for name in arguments.keys() - _FIELDS.keys():
        with never_raise(f"reading the argument {name}"):
            raise TypeError(f"there is no such field: there are {', '.join(_FIELDS)}")
    path, file = _read_file(environment)
    defaults = {entry.name: entry.default for entry in fields(LineageHubConfig)}
    sources: dict[str, str] = {}
    for name, (variables, read) in _FIELDS.items():
        value, source = defaults[name], DEFAULT
        candidates = [(ARGUMENT, arguments.get(name))]
        candidates += [(variable, environment.get(variable) or None) for variable in variables]
        candidates.append((f"file {path}", file.get(name)))
        for origin, given in candidates:
            if given is not None:
                with never_raise(f"reading {name} from {origin}"):
                    value, source = _OTHERWISE.get(origin, read)(given), origin
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
            for name in content.keys() - _FIELDS.keys():
                with never_raise(f"reading {name} of {path}"):
                    raise TypeError(f"there is no such field: there are {', '.join(_FIELDS)}")
            return path, content
    return path, {}


def _text(value: object) -> str:
    return str(value).strip()


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


def _transport_of_openlineage(value: str) -> str:
    return {"async_http": "http", "noop": "none"}.get(value.strip(), value.strip())


def _key_of_openlineage(value: str) -> str:
    import json

    document = json.loads(value)
    return str(document.get("apiKey") or document["api_key"]).strip()


_FLAGS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


def _ours_and_theirs(name: str) -> tuple[str, str]:
    return f"LINEAGEHUB_{name}", f"LINEAGE_HUB_{name}"


_FIELDS: dict[str, tuple[tuple[str, ...], Callable[[Any], Any]]] = {
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
    "transport": (("LINEAGEHUB_TRANSPORT", "OPENLINEAGE__TRANSPORT__TYPE"), _text),
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
}

_OTHERWISE: dict[str, Callable[[Any], Any]] = {
    "OPENLINEAGE__TRANSPORT__TYPE": _transport_of_openlineage,
    "OPENLINEAGE__TRANSPORT__AUTH": _key_of_openlineage,
    "OTEL_SDK_DISABLED": lambda value: not _flag(value),
    "PYTEST_VERSION": lambda version: False,
}
"""Variables of others, which say the same in another way."""
