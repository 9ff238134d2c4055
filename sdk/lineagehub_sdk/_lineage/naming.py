"""OpenLineage's naming of datasets: from an address, or a type with its parts, to (namespace, name).

The rules are those of the specification (https://openlineage.io/docs/spec/naming); tests hold them equal to `openlineage.client.naming`.
Called by `datasets`. Nothing is looked up and nothing is guessed beyond a port's default; credentials never pass.
"""

from __future__ import annotations

import re

ALIASES = {
    "postgresql": "postgres",
    "mariadb": "mysql",
    "sqlserver": "mssql",
    "gcs": "gs",
    "s3a": "s3",
    "s3n": "s3",
    "abfs": "abfss",
    "wasb": "wasbs",
    "event": "kafka",
    "cratedb": "crate",
}
"""Other words for a scheme. "event" is the known SDK's for a topic."""

DEFAULT_PORTS = {
    "cassandra": 9042,
    "clickhouse": 8123,
    "crate": 5432,
    "db2": 50000,
    "hdfs": 8020,
    "hive": 10000,
    "kafka": 9092,
    "mssql": 1433,
    "mysql": 3306,
    "oceanbase": 2881,
    "oracle": 1521,
    "postgres": 5432,
    "redshift": 5439,
    "teradata": 1025,
    "trino": 8080,
}
"""What a namespace `scheme://host:port` has where the address says no port. ClickHouse's is that of its HTTP interface, as dbt has it."""

BUCKETS = frozenset({"s3", "gs", "abfss", "wasbs", "r2", "oss", "cos"})
"""The bucket or container is the namespace, the key without slashes at its ends the name."""
ROOTED = frozenset({"file", "hdfs", "dbfs"})
"""The name is a path that begins at the root."""
_WITH_CONTAINER = frozenset({"abfss", "wasbs"})
"""What stands before their @ is a container and no user."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST_AND_PORT = re.compile(r"[\w.-]+:\d+")
_GLUE = re.compile(r"(arn:aws[\w-]*:glue:[^:]*:[^:]*):(table/.+)")


def from_address(text: str) -> tuple[str, str]:
    """Return (namespace, name) of `s3://bucket/key`, `postgres://host/db.schema.table`, `/data/orders.csv`, `bigquery://project.set.table`.

    What is no address is a name in the namespace `default`. Raises ValueError for an empty text.
    """
    text = text.strip()
    if not text:
        raise ValueError("a dataset's name is empty")
    if found := _GLUE.fullmatch(text):
        return found[1], found[2]
    if text.startswith("/"):
        return "file", text
    scheme, authority, path = _parts(text)
    if not scheme:
        return "default", without_credentials(text)
    if scheme in ("bigquery", "pubsub"):
        return scheme, _google_name(scheme, authority, path)
    if scheme in ROOTED:
        return namespace_of(scheme, authority) if authority else scheme, "/" + path.strip("/")
    if scheme in BUCKETS:
        return f"{scheme}://{authority}", path.strip("/") or "/"
    if not path.strip("/"):
        return "default", without_credentials(text)
    if scheme == "azurecosmos" and (parts := path.strip("/").split("/"))[::2] == ["dbs", "colls"]:
        return f"{scheme}://{authority}/dbs/{parts[1]}", f"colls/{parts[3]}"
    return namespace_of(scheme, authority), path.strip("/")


def from_type(kind: str, name: str, namespace: str | None) -> tuple[str, str]:
    """Return (namespace, name) of a dataset of type `kind`: its namespace if it has one, else what the name says.

    A namespace is completed (`postgres://host`, `host:5432`) where it is an address, and else kept: it is the user's own word.
    """
    scheme = canonical(kind)
    if namespace:
        return complete_namespace(scheme, namespace), without_credentials(name)
    if _SCHEME.match(name) or name.startswith("/"):
        return from_address(name)
    if scheme in BUCKETS and "/" in name.strip("/"):
        bucket, _, key = name.strip("/").partition("/")
        return f"{scheme}://{bucket}", key
    return kind, without_credentials(name)


def complete_namespace(scheme: str, namespace: str) -> str:
    """Return a namespace as OpenLineage spells it: its scheme's own name, the default port, no credentials."""
    if scheme in DEFAULT_PORTS and _HOST_AND_PORT.fullmatch(namespace):
        return f"{scheme}://{namespace}"
    own_scheme, authority, path = _parts(namespace)
    if own_scheme and authority and not path.strip("/"):
        return namespace_of(own_scheme, authority)
    return without_credentials(namespace)


def namespace_of(scheme: str, authority: str) -> str:
    """Return `scheme://host:port`; of several hosts (Kafka's bootstrap servers) the first."""
    host = authority.split(",")[0]
    port = DEFAULT_PORTS.get(scheme)
    has_port = re.search(r":\d+$", host) is not None
    return f"{scheme}://{host}" if has_port or port is None or not host else f"{scheme}://{host}:{port}"


def canonical(kind: str) -> str:
    """Return OpenLineage's word for a scheme or a type."""
    lower = kind.lower()
    return ALIASES.get(lower, lower)


def without_credentials(address: str) -> str:
    """Connection strings carry passwords, before the host or behind a question mark; lineage is read by many."""
    scheme, mark, rest = address.partition("://")
    if not mark:
        return address
    authority, slash, path = rest.partition("?")[0].partition("/")
    if canonical(scheme) not in _WITH_CONTAINER:
        authority = authority.rpartition("@")[2]
    return f"{scheme}{mark}{authority}{slash}{path}"


def _parts(address: str) -> tuple[str, str, str]:
    """Return (canonical scheme, authority without credentials, path) of an address; ("", "", "") of what is none."""
    found = _SCHEME.match(address)
    if not found:
        return "", "", ""
    authority, _, path = without_credentials(address)[found.end() :].partition("/")
    return canonical(found[1]), authority, path


def _google_name(scheme: str, authority: str, path: str) -> str:
    parts = [part for part in (authority, *path.split("/")) if part]
    if scheme == "bigquery":
        return ".".join(parts)
    if len(parts) == 3 and parts[1] in ("topics", "subscriptions"):
        return f"{parts[1][:-1]}:{parts[0]}:{parts[2]}"
    return ":".join(parts)
