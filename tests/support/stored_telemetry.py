"""What ClickHouse holds of one service's telemetry, against what the service sent."""

from __future__ import annotations

from tests.support.hub import Hub
from tests.support.waiting import wait_until

STORED_SECONDS = 60


def stored_items(hub: Hub, service: str, tables: dict[str, int], namespace: str) -> dict[str, int]:
    """Return how many rows of the service each of the tables holds. Fails when another namespace has any of them."""
    counts = " UNION ALL ".join(
        f"SELECT '{table}' AS name, count() AS items, countIf(Namespace != {{namespace:String}}) AS foreign "
        f"FROM {table} WHERE ServiceName = {{service:String}}"
        for table in tables
    )
    rows = hub.rows(counts, service=service, namespace=namespace)
    assert not [row for row in rows if row["foreign"]], f"rows that are not of {namespace}: {rows}"
    return {row["name"]: row["items"] for row in rows}


def assert_stored_once(hub: Hub, service: str, sent: dict[str, int], namespace: str = "demo") -> None:
    """Wait until all that was sent is stored; then it is there once, and in the namespace alone. `sent`: items by table."""

    def is_stored() -> bool:
        stored = stored_items(hub, service, sent, namespace)
        return all(stored[table] >= items for table, items in sent.items())

    wait_until(is_stored, STORED_SECONDS, f"{sent} to be stored")
    assert stored_items(hub, service, sent, namespace) == sent
