"""Neither the order of arrival nor repetition changes the model: 20 permutations and a doubling of every run group of the corpus."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from lineagehub.store.client import ClickHouse
from tests.hub.store.conftest import insert_rows, landing_row
from tests.support.corpus import lineage_run_groups

PERMUTATIONS = 20
INSERTS = 4
"""Each group's events are spread over so many inserts, at places of its own in every namespace."""
_ARRIVAL = {"Namespace", "ReceivedAt", "RetentionDays", "Topic", "Partition", "Offset"}


async def test_any_order_and_any_repetition_of_the_corpus_give_the_same_tables(clickhouse: ClickHouse) -> None:
    groups = lineage_run_groups()
    assert len(groups) > 100
    inserts: list[list[bytes]] = [[] for _ in range(INSERTS)]
    _spread(inserts, "ordered", groups, None)
    for number in range(PERMUTATIONS):
        _spread(inserts, f"permuted-{number}", groups, random.Random(number))
    for number in (PERMUTATIONS, PERMUTATIONS + 1):
        _spread(inserts, "doubled", groups, random.Random(number))
    for rows in inserts:
        await insert_rows(clickhouse, rows)
    tables = await _tables(clickhouse)
    assert len(tables) > 20
    for table, columns in tables.items():
        states = await clickhouse.select(
            f"SELECT Namespace, count() AS rows, sum(cityHash64({', '.join(columns)})) AS state FROM {table} FINAL"
            " WHERE Namespace = 'ordered' OR Namespace = 'doubled' OR Namespace LIKE 'permuted-%' GROUP BY Namespace"
        )
        by_namespace = {state["Namespace"]: (state["rows"], state["state"]) for state in states}
        assert len(by_namespace) == PERMUTATIONS + 2, table
        assert set(by_namespace.values()) == {by_namespace["ordered"]}, table


def _spread(
    inserts: list[list[bytes]], namespace: str, groups: dict[str, list[Path]], generator: random.Random | None
) -> None:
    """Add the events of every group to the inserts, in their order or in a random one."""
    for group, files in groups.items():
        order = list(files)
        places = [number * INSERTS // len(files) for number in range(len(files))]
        if generator is not None:
            generator.shuffle(order)
            places = sorted(generator.choices(range(INSERTS), k=len(files)))
        for place, file in zip(places, order, strict=True):
            event_id = hashlib.sha256(f"{group}/{file.name}".encode()).hexdigest()[:32]
            inserts[place].append(landing_row(namespace, file.read_bytes(), event_id))


async def _tables(clickhouse: ClickHouse) -> dict[str, list[str]]:
    """Return the lineage tables, each with what is compared of its columns."""
    rows = await clickhouse.select(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND table IN"
        " (SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'lineage_%'"
        " AND engine LIKE '%MergeTree')"
    )
    tables: dict[str, list[str]] = {}
    for row in rows:
        if row["name"] not in _ARRIVAL:
            is_state = row["type"].startswith("AggregateFunction")
            column = f"finalizeAggregation({row['name']})" if is_state else row["name"]
            tables.setdefault(row["table"], []).append(column)
    return tables
