"""Migrations: in order, once, repeatable, and never changed behind our back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineagehub.errors import ConfigurationError
from lineagehub.settings import ClickHouseSettings
from lineagehub.store import migrate
from lineagehub.store.client import ClickHouse
from tests.support.clickhouse import EmbeddedClickHouse


def test_numbers_are_unique_and_without_gaps() -> None:
    versions = [migration.version for migration in migrate.all_migrations()]
    assert versions == list(range(1, len(versions) + 1))


async def test_a_fresh_database_gets_everything_once(server: EmbeddedClickHouse) -> None:
    async with ClickHouse(ClickHouseSettings(url=server.url, database="fresh")) as client:
        pending = await migrate.plan(client)
        assert pending == migrate.all_migrations()
        told: list[str] = []
        assert await migrate.apply(client, lambda migration: told.append(migration.name)) == pending
        assert told == [migration.name for migration in pending]
        assert await migrate.plan(client) == []
        assert await migrate.apply(client) == []


async def test_an_apply_that_was_killed_in_the_middle_is_healed_by_the_next(server: EmbeddedClickHouse) -> None:
    settings = ClickHouseSettings(url=server.url, database="killed")
    async with ClickHouse(settings) as client:
        await client.execute("CREATE DATABASE killed", database="")
        for migration in migrate.all_migrations()[:2]:
            for statement in migration.statements(settings)[:3]:
                await client.execute(statement)
        assert await migrate.apply(client) == migrate.all_migrations()
        assert (await client.select("SELECT count() AS n FROM lineage_events")) == [{"n": 0}]


async def test_a_changed_file_is_named(server: EmbeddedClickHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ClickHouse(ClickHouseSettings(url=server.url, database="changed")) as client:
        await migrate.apply(client)
        first, *rest = migrate.all_migrations()
        monkeypatch.setattr(migrate, "all_migrations", lambda: [replace(first, text=first.text + " "), *rest])
        with pytest.raises(ConfigurationError, match=first.name):
            await migrate.plan(client)


def test_on_a_cluster_engines_are_replicated_and_statements_say_so() -> None:
    settings = ClickHouseSettings(engine_prefix="Replicated", on_cluster="main")
    for migration in migrate.all_migrations():
        for statement in migration.statements(settings):
            # What is inserted reaches the other replicas by replication.
            assert "ON CLUSTER 'main'" in statement or statement.startswith("INSERT INTO")
            assert "= MergeTree" not in statement
            assert "non_replicated" not in statement
