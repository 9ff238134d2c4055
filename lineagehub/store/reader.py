"""The user of ClickHouse that reads for tenants: SELECT on the views read_*, within limits, and nothing else. SQL for a real server.

Called by `lineagehub clickhouse grants`; deploy/clickhouse/reader.xml says the same for a server that is configured by files. The views
read their tables with the rights of whoever migrated (SQL SECURITY DEFINER), so a statement without a namespace cannot run, by whatever
mistake. The embedded engine has one user only.
"""

from __future__ import annotations

import hashlib

from lineagehub.errors import ConfigurationError
from lineagehub.settings import ClickHouseSettings

PROFILE = "lineagehub_reader"
READ_VIEWS = "read_*"
"""By prefix: views that a later migration adds are granted already."""

LIMITS = {
    "max_execution_time": 20,
    "max_memory_usage": 4_000_000_000,
    "max_rows_to_read": 1_000_000_000,
    "max_result_rows": 1_000_000,
}
"""Of one statement: seconds, bytes, rows. The web gives up after LINEAGEHUB_CLICKHOUSE_TIMEOUT_SECONDS (15); then so does the server."""

READ_ONLY = 2
"""Reads only, and may change settings but those of LIMITS and this one: queries say how their answer is written."""


def reader_statements(settings: ClickHouseSettings) -> list[str]:
    """Return the statements that make the reader of these settings, or bring it up to date. They hold the password's hash only.

    Raises ConfigurationError without a name and a password.
    """
    password = settings.reader_password.get_secret_value()
    if not (settings.reader_user and password):
        raise ConfigurationError(
            "The reader has no name or no password.",
            "Set LINEAGEHUB_CLICKHOUSE_READER_USER and LINEAGEHUB_CLICKHOUSE_READER_PASSWORD, the same as for the web.",
        )
    if settings.reader_user == settings.user:
        raise ConfigurationError(
            f"The reader cannot be {settings.user!r}, who writes.", "Name another LINEAGEHUB_CLICKHOUSE_READER_USER."
        )
    digest = hashlib.sha256(password.encode()).hexdigest()
    identified = f"IDENTIFIED WITH sha256_hash BY '{digest}' SETTINGS PROFILE '{PROFILE}'"
    cluster = f" {settings.on_cluster_clause}" if settings.on_cluster else ""
    limits = ", ".join(f"{name} = {value} CONST" for name, value in LIMITS.items())
    return [
        f"CREATE SETTINGS PROFILE OR REPLACE {PROFILE}{cluster} SETTINGS readonly = {READ_ONLY} CONST, {limits}",
        f"CREATE USER OR REPLACE {settings.reader_user}{cluster} {identified}",
        f"GRANT{cluster} SELECT ON {settings.database}.{READ_VIEWS} TO {settings.reader_user}",
    ]
