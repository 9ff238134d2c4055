"""Datasets: from what users write to OpenLineage's namespace and name, without their passwords."""

from __future__ import annotations

from typing import Any

import pytest
from lineagehub_sdk import AdapterType, DataFormat, DatasetSpec
from lineagehub_sdk._lineage.datasets import several, to_openlineage


@pytest.mark.parametrize(
    ("dataset", "namespace", "name"),
    [
        ("s3://bucket/path/key", "s3://bucket", "path/key"),
        ("postgres://host:5432/db.schema.table", "postgres://host:5432", "db.schema.table"),
        ("postgres://user:secret@host:5432/db.schema.table", "postgres://host:5432", "db.schema.table"),
        ("postgres://host/db.schema.table?password=secret", "postgres://host:5432", "db.schema.table"),
        ("jdbc:postgresql://user:secret@host/db?password=secret", "default", "jdbc:postgresql://host/db"),
        ("s3://bucket/key@version", "s3://bucket", "key@version"),
        ("kafka://broker:9092/topic", "kafka://broker:9092", "topic"),
        ("file:///data/orders.csv", "file", "/data/orders.csv"),
        ("warehouse.orders", "default", "warehouse.orders"),
        ({"namespace": "n", "name": "t"}, "n", "t"),
        ({"namespace": "postgres://user:secret@host", "name": "t"}, "postgres://host", "t"),
        ({"type": "mysql", "name": "db.t"}, "mysql", "db.t"),
        ({"type": "mysql", "name": "db.t", "format": "table", "namespace": "mysql://u:p@h:1"}, "mysql://h:1", "db.t"),
        (DatasetSpec(type=AdapterType.S3, name="key"), "s3", "key"),
        (DatasetSpec("api", "orders", namespace="https://shop"), "https://shop", "orders"),
    ],
)
def test_a_dataset_has_openlineages_namespace_and_name(dataset: Any, namespace: str, name: str) -> None:
    converted = to_openlineage(dataset)
    assert (converted["namespace"], converted["name"]) == (namespace, name)
    assert "secret" not in str(converted)


def test_a_format_other_than_table_is_a_storage_facet() -> None:
    assert "facets" not in DatasetSpec("postgres", "t").to_openlineage_dataset()
    facet = DatasetSpec("s3", "key", DataFormat.PARQUET).to_openlineage_dataset()["facets"]["storage"]
    assert (facet["storageLayer"], facet["fileFormat"]) == ("s3", "parquet")
    assert facet["_schemaURL"].endswith("/1-0-1/StorageDatasetFacet.json#/$defs/StorageDatasetFacet")


def test_what_a_dict_holds_beyond_is_kept() -> None:
    dataset = {"namespace": "n", "name": "t", "facets": {"schema": {"fields": []}}}
    assert to_openlineage(dataset) == dataset


@pytest.mark.parametrize("dataset", ["", "  ", {}, {"type": "s3"}, {"name": "t"}, None, 7, ["s3://bucket/key"]])
def test_what_is_no_dataset_is_refused(dataset: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="dataset"):
        to_openlineage(dataset)


def test_one_dataset_by_itself_is_as_good_as_a_list_of_it() -> None:
    assert several(None) == ()
    assert several("s3://bucket/key") == ("s3://bucket/key",)
    assert several({"type": "s3", "name": "key"}) == ({"type": "s3", "name": "key"},)
    assert several(iter(["a", "b"])) == ("a", "b")
