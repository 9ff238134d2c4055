"""Every setting of the hub, as one tree. Read from the environment by whoever starts a process (cli, agents, tests).

The environment name is the path: `LINEAGEHUB_KAFKA_BROKERS` is `settings.kafka.brokers`. Everything has a default that works on
one machine. `Settings()` raises pydantic's ValidationError on a bad value; `load_settings()` turns it into one sentence.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from lineagehub.addresses import is_loopback, origins_of
from lineagehub.contract.control import RetentionDays, WebhookFormat
from lineagehub.contract.namespaces import is_namespace
from lineagehub.contract.topics import TENANT_TOPICS, TOPICS, Topic
from lineagehub.errors import ConfigurationError
from lineagehub.oidc_settings import OidcSettings

MEBIBYTE = 1_048_576

_is_topic_name = re.compile(r"[A-Za-z0-9._-]{1,249}").fullmatch


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Group):
    """Where the broker is and how we speak to it."""

    brokers: str = Field("127.0.0.1:9092", description="Bootstrap servers, host:port separated by commas.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str = ""
    sasl_password: SecretStr = SecretStr("")
    ssl_cafile: str = Field(
        "", description="PEM file of the authorities that sign the brokers' certificates; else the system's."
    )
    replication_factor: int = Field(1, ge=1, description="Of the topics that `lineagehub topics apply` creates.")
    topic_names: dict[str, str] = Field({}, description="Renames topics: contract name to broker name, as JSON.")
    bound_topics: dict[str, str] = Field(
        {},
        description="Topics of one namespace each, for clients that cannot sign: broker name to namespace, as JSON. "
        "A name is that of a tenant topic, a dot, a suffix: openlineage-events.team-a.",
    )
    acknowledge_timeout_seconds: float = Field(
        5.0, gt=0, description="After this an unacknowledged request is answered 503."
    )
    idempotent: bool = Field(
        True, description="Idempotent produce; off only for the embedded broker, which refuses aiokafka's."
    )
    trust: Literal["signed", "open"] = Field(
        "signed", description="`open`: a single-tenant hub takes unsigned records too."
    )
    open_namespace: str = Field("", description="The namespace of unsigned records when trust is `open`.")

    def topic_name(self, topic: Topic) -> str:
        """Return the broker's name of a topic of the contract."""
        return self.topic_names.get(topic.name, topic.name)

    def broker_topics(self, topic: Topic) -> tuple[str, ...]:
        """Return the broker's name of a topic of the contract, then the names of the topics that are bound below it."""
        bound = (name for name in self.bound_topics if _topic_above(name, self.topic_names) == topic.name)
        return self.topic_name(topic), *bound

    @property
    def end_offsets_lag(self) -> bool:
        """Whether the broker may hold more than its end offsets say: the embedded one does, which is the one that is not idempotent."""
        return not self.idempotent

    @field_validator("bound_topics")
    @classmethod
    def _require_clear_kind_and_namespace(cls, bound: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        names: Mapping[str, str] = info.data.get("topic_names", {})
        for name, namespace in bound.items():
            _require_bindable(name, names)
            if not is_namespace(namespace):
                raise ValueError(
                    f"{name!r} is bound to {namespace!r}, which is no namespace: 3 to 63 of a-z, 0-9, dot, dash, underscore; "
                    "a letter or digit at both ends"
                )
        return bound


def _topic_above(name: str, topic_names: Mapping[str, str]) -> str:
    """Return the contract's name of the tenant topic that `name` is below, the one with the longest name where two fit, or ""."""
    above = {topic_names.get(topic.name, topic.name): topic.name for topic in TENANT_TOPICS}
    fitting = [prefix for prefix in above if name.startswith(f"{prefix}.")]
    return above[max(fitting, key=len)] if fitting else ""


def _require_bindable(name: str, topic_names: Mapping[str, str]) -> None:
    if name in {topic_names.get(topic.name, topic.name) for topic in TOPICS}:
        raise ValueError(f"{name!r} is the hub's own topic, which cannot be bound to a namespace")
    if not _topic_above(name, topic_names):
        above = ", ".join(f"{topic_names.get(topic.name, topic.name)}.…" for topic in TENANT_TOPICS)
        raise ValueError(f"{name!r} does not say what it holds; the name of a bound topic begins with one of {above}")
    if not _is_topic_name(name) or name.endswith("."):
        raise ValueError(f"{name!r} is no name of a Kafka topic: at most 249 of letters, digits, dot, dash, underscore")


class ClickHouseSettings(_Group):
    """Where ClickHouse's HTTP interface is."""

    url: str = Field("http://127.0.0.1:8123", description="ClickHouse's HTTP interface.")
    database: str = Field("lineagehub", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    user: str = "default"
    password: SecretStr = SecretStr("")
    reader_user: str = Field(
        "",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$|^$",
        description="Who reads for tenants: may SELECT from read_* and nothing else (lineagehub clickhouse grants). Empty: `user`.",
    )
    reader_password: SecretStr = SecretStr("")
    timeout_seconds: float = Field(15.0, gt=0, description="Of one statement, start to end.")
    connect_timeout_seconds: float = Field(2.0, gt=0)
    engine_prefix: Literal["", "Replicated"] = Field("", description="`Replicated` on a cluster.")
    on_cluster: str = Field("", pattern=r"^[A-Za-z0-9_{}-]*$", description="Cluster name for ON CLUSTER, or empty.")

    def of_reader(self) -> ClickHouseSettings:
        """Return the settings of a client that only reads, for tenants: as the reader, if there is one."""
        if not self.reader_user:
            return self
        return self.model_copy(update={"user": self.reader_user, "password": self.reader_password})

    @property
    def on_cluster_clause(self) -> str:
        """What a statement on tables says of the cluster; empty without one."""
        return f"ON CLUSTER '{self.on_cluster}'" if self.on_cluster else ""


class MarquezSettings(_Group):
    """Where Marquez is; without a URL nothing is forwarded."""

    url: str = Field("", description="Base URL of Marquez; empty: the marquez agent does not run.")
    admin_url: str = Field(
        "", description="Base URL of its admin port, whose /healthcheck tells a bad event from a database that is down."
    )
    lanes: int = Field(8, ge=1, le=16, description="Events sent at once; more than 8 make Marquez slower.")
    timeout_seconds: float = Field(
        30.0, ge=10, description="Marquez needs up to 2 s a cold event (reference: its own speed)."
    )


class WebSettings(_Group):
    """The HTTP side."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535, description="0 picks a free one.")
    event_bytes: int = Field(8 * MEBIBYTE, gt=0, description="Largest OpenLineage event.")
    batch_bytes: int = Field(32 * MEBIBYTE, gt=0, description="Largest decoded lineage batch.")
    otlp_wire_bytes: int = Field(20 * MEBIBYTE, gt=0, description="Largest OTLP body as sent.")
    otlp_bytes: int = Field(64 * MEBIBYTE, gt=0, description="Largest OTLP body when decoded.")
    body_timeout_seconds: float = Field(10.0, gt=0, description="A body that is not there by then is refused with 408.")
    in_flight_bytes: int = Field(256 * MEBIBYTE, gt=0, description="Bodies in memory at once; beyond it 503.")
    authentication: Literal["on", "off"] = Field(
        "on", description="`off`: whoever sends no credentials owns `open_namespace`; on a loopback address only."
    )
    open_namespace: str = Field("", description="The namespace of everybody when authentication is off.")
    cors_origins: str = Field(
        "", description="Origins whose pages may call the hub, separated by commas: https://explorer.example:8443."
    )
    hsts_seconds: int = Field(
        0, ge=0, description="Behind TLS: how long browsers shall use nothing else (Strict-Transport-Security)."
    )

    @property
    def allowed_origins(self) -> frozenset[str]:
        """The origins of `cors_origins`."""
        return origins_of(self.cors_origins)

    @field_validator("cors_origins")
    @classmethod
    def _require_origins(cls, listed: str) -> str:
        origins_of(listed)
        return listed


class AuditSettings(_Group):
    """The audit log."""

    retention_days: RetentionDays = Field(365, description="How long ClickHouse keeps an entry of the audit log.")


class AlertsSettings(_Group):
    """Alerts: to whom the hub's own go, where webhooks may lead, and when there is something to tell."""

    webhook_url: SecretStr = Field(SecretStr(""), description="Who is told of sinks that are down and of lag.")
    webhook_format: WebhookFormat = Field(WebhookFormat.SLACK, description="slack or json.")
    webhook_secret: SecretStr = Field(SecretStr(""), description="Signs what is sent there in JSON.")
    webhook_hosts: str = Field(
        "", description="If set, webhooks lead to these hosts only, separated by commas: hooks.slack.com."
    )
    trusted_origins: str = Field(
        "",
        description="Where webhooks may lead although it is not https on port 443 of a public address, separated by commas: "
        "https://alerts.example:8443.",
    )
    message_seconds: float = Field(60.0, gt=0, description="A webhook gets one message in this time.")
    expire_seconds: float = Field(
        21_600.0, gt=0, description="An alert that could not be sent for so long is given up."
    )
    dead_letters: int = Field(20, ge=1, description="So many of one reason in five minutes may be a burst.")
    sink_down_seconds: float = Field(120.0, ge=0, description="A sink that fails this long is told of.")
    lag_records: int = Field(100_000, ge=1, description="An agent that is so far behind with a topic ...")
    lag_seconds: float = Field(300.0, ge=0, description="... for this long is told of.")
    silent_seconds: float = Field(120.0, ge=30, description="An agent that says nothing for this long is told of.")

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The hosts of `webhook_hosts`; empty: all."""
        return frozenset(host.strip().lower() for host in self.webhook_hosts.split(",") if host.strip())

    @property
    def trusted(self) -> frozenset[str]:
        """The origins of `trusted_origins`."""
        return origins_of(self.trusted_origins)

    @field_validator("trusted_origins")
    @classmethod
    def _require_origins(cls, listed: str) -> str:
        origins_of(listed)
        return listed


class AgentsSettings(_Group):
    """The agents: batches, consumer groups, their own operations port."""

    batch_records: int = Field(10_000, ge=1, le=10_000, description="Records in one insert at most.")
    batch_bytes: int = Field(
        32 * MEBIBYTE, gt=0, description="Bytes in one insert at most (a larger record goes alone)."
    )
    batch_rows: int = Field(
        100_000, ge=1, description="Rows in one insert at most (a record that becomes more goes alone)."
    )
    batch_seconds: float = Field(0.5, gt=0, description="A batch waits no longer than this for more records.")
    batch_ranges: str = Field("kafka", description="Where batch ranges are recorded: `kafka`, or a directory.")
    session_timeout_seconds: int = Field(20, ge=1)
    heartbeat_seconds: int = Field(3, ge=1)
    rebalance_timeout_seconds: int = Field(20, ge=1)
    replica_id: str = Field("", description="Stable name of this replica: static membership, quick restarts.")
    stuck_after_seconds: float = Field(
        900.0, gt=0, description="A sink that fails this long makes the process exit (70)."
    )
    ops_host: str = "127.0.0.1"
    ops_port: int = Field(0, ge=0, le=65535, description="/livez, /readyz and /metrics of an agent process.")


class Settings(BaseSettings):
    """The whole tree. `secret_key` encrypts signing keys at rest and signs what the web writes: web and agents share it."""

    model_config = SettingsConfigDict(
        env_prefix="LINEAGEHUB_", env_nested_delimiter="_", env_nested_max_split=1, frozen=True, extra="ignore"
    )

    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    marquez: MarquezSettings = MarquezSettings()
    web: WebSettings = WebSettings()
    oidc: OidcSettings = OidcSettings()
    agents: AgentsSettings = AgentsSettings()
    audit: AuditSettings = AuditSettings()
    alerts: AlertsSettings = AlertsSettings()
    secret_key: SecretStr = Field(SecretStr(""), description="At least 32 characters, the same for web and agents.")
    environment: str = Field("dev", pattern=r"^[a-z]{1,16}$", description="Stands in every API key: lh_<environment>_…")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    control_journal: Path | None = Field(
        None, description="Embedded broker only: where control records also go, fsynced."
    )

    def require_secret_key(self) -> str:
        """Return the secret key, or raise ConfigurationError when it is missing or too short."""
        secret = self.secret_key.get_secret_value()
        if len(secret) < 32:
            raise ConfigurationError(
                "LINEAGEHUB_SECRET_KEY is missing or shorter than 32 characters.",
                "Set the same long random text for web and agents, for example from: openssl rand -hex 32",
            )
        return secret

    def require_loopback_when_open(self, host: str) -> None:
        """Raise ConfigurationError when authentication is off and the web would listen on a host that is not this machine alone."""
        if self.web.authentication == "on":
            return
        if not is_loopback(host):
            raise ConfigurationError(
                f"LINEAGEHUB_WEB_AUTHENTICATION is off, but the web would listen on {host}, which others reach.",
                "Set LINEAGEHUB_WEB_HOST=127.0.0.1 (for `lineagehub up`: --host 127.0.0.1), or LINEAGEHUB_WEB_AUTHENTICATION=on.",
            )
        if not is_namespace(self.web.open_namespace):
            raise ConfigurationError(
                "LINEAGEHUB_WEB_AUTHENTICATION is off, and LINEAGEHUB_WEB_OPEN_NAMESPACE names no namespace for everybody.",
                "Set LINEAGEHUB_WEB_OPEN_NAMESPACE=demo, for example.",
            )


def load_settings() -> Settings:
    """Read the settings from the environment. Raises ConfigurationError, which names the variable and the fault."""
    try:
        return Settings()
    except SettingsError as error:
        variable = _variable_of(error)
        raise ConfigurationError(
            f"{variable} is no JSON: {error.__cause__}.", f"Correct or unset {variable}."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        # A fault inside of a JSON setting has a longer path than a variable has.
        variable = "LINEAGEHUB_" + "_".join(str(part).upper() for part in first["loc"][:2])
        secret = "SECRET" in variable or "PASSWORD" in variable
        value = "" if secret else f" (it is {first['input']!r})"
        fault = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{variable} is wrong: {fault}{value}.", f"Correct or unset {variable}.") from error


def _variable_of(error: SettingsError) -> str:
    """Return the variable whose JSON could not be read; pydantic names the group only."""
    text = getattr(error.__cause__, "doc", None)
    named = [name for name, value in os.environ.items() if name.startswith("LINEAGEHUB_") and value == text]
    return named[0] if named else "A LINEAGEHUB_ variable"
