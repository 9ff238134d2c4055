"""Short strings and typed dicts are named as OpenLineage names them: held equal to `openlineage.client.naming`, type by type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lineagehub_sdk import (
    AdapterType,
    DatasetSpec,
    create_dataset_specs,
    get_adapter_examples,
    validate_dataset_spec,
)
from lineagehub_sdk._lineage.datasets import to_openlineage
from openlineage.client.naming import dataset as naming

OFFICIAL: list[tuple[Any, naming.DatasetNaming]] = [
    (
        "awsathena://athena.eu-west-1.amazonaws.com/catalog.db.table",
        naming.Athena("eu-west-1", "catalog", "db", "table"),
    ),
    ("arn:aws:glue:eu-west-1:123456789012:table/db/t", naming.AWSGlue("eu-west-1", "123456789012", "db", "t")),
    ("azurecosmos://host/dbs/db/colls/t", naming.AzureCosmosDB("host", "db", "t")),
    ("azurekusto://cluster.kusto.windows.net/db/t", naming.AzureDataExplorer("cluster", "db", "t")),
    ("bigquery://project.set.t", naming.BigQuery("project", "set", "t")),
    ("bigquery://project/set/t", naming.BigQuery("project", "set", "t")),
    ("cassandra://host/keyspace.t", naming.Cassandra("host", "9042", "keyspace", "t")),
    ("mysql://host/db.t", naming.MySQL("host", "3306", "db", "t")),
    ("mysql://user:secret@host:3307/db.t", naming.MySQL("host", "3307", "db", "t")),
    ("crate://host/db.s.t", naming.CrateDB("host", "5432", "db", "s", "t")),
    ("db2://host/db.s.t", naming.DB2("host", "50000", "db", "s", "t")),
    ("oceanbase://host/db.t", naming.OceanBase("host", "2881", "db", "t")),
    ("oracle://host/service.s.t", naming.Oracle("host", "1521", "service", "s", "t")),
    ("postgres://host/db.s.t", naming.Postgres("host", "5432", "db", "s", "t")),
    ("postgresql://user:secret@host:6432/db.s.t?sslmode=off", naming.Postgres("host", "6432", "db", "s", "t")),
    ("teradata://host/db.t", naming.Teradata("host", "1025", "db", "t")),
    ("redshift://cluster.eu-west-1/db.s.t", naming.Redshift("cluster", "eu-west-1", "5439", "db", "s", "t")),
    ("snowflake://org-account/db.s.t", naming.Snowflake("org", "account", "db", "s", "t")),
    ("trino://host/catalog.s.t", naming.Trino("host", "8080", "catalog", "s", "t")),
    ("abfss://container@account.dfs.core.windows.net/a/b", naming.ABFSS("container", "account", "a/b")),
    ("abfs://container@account.dfs.core.windows.net/a/b", naming.ABFSS("container", "account", "a/b")),
    ("dbfs://workspace/a/b", naming.DBFS("workspace", "/a/b")),
    ("gs://bucket/a/b", naming.GCS("bucket", "a/b")),
    ("gcs://bucket/a/b", naming.GCS("bucket", "a/b")),
    ("hdfs://namenode/a/b", naming.HDFS("namenode", "8020", "/a/b")),
    ("hive://host/db.t", naming.Hive("host", "10000", "db", "t")),
    ("kafka://broker/topic", naming.Kafka("broker", "9092", "topic")),
    ("kafka://a:9093,b:9093/topic", naming.Kafka("a", "9093", "topic")),
    ("file:///data/orders.csv", naming.LocalFileSystem("/data/orders.csv")),
    ("/data/orders.csv", naming.LocalFileSystem("/data/orders.csv")),
    (Path("/data/orders.csv"), naming.LocalFileSystem("/data/orders.csv")),
    ("file://host/data/orders.csv", naming.RemoteFileSystem("host", "/data/orders.csv")),
    ("s3://bucket/a/b", naming.S3("bucket", "a/b")),
    ("s3a://bucket/a/b/", naming.S3("bucket", "a/b")),
    ("wasbs://container@account.dfs.core.windows.net/a", naming.WASBS("container", "account", "a")),
    ("pubsub://project/topics/t", naming.PubSubNaming(naming.PubSubResourceType.TOPIC, "project", "t")),
    ("pubsub://project/subscriptions/s", naming.PubSubNaming(naming.PubSubResourceType.SUBSCRIPTION, "project", "s")),
    (DatasetSpec("postgres", "db.s.t", namespace="postgres://host"), naming.Postgres("host", "5432", "db", "s", "t")),
    (DatasetSpec("postgres", "db.s.t", namespace="host:5432"), naming.Postgres("host", "5432", "db", "s", "t")),
    (DatasetSpec("postgresql", "postgres://host/db.s.t"), naming.Postgres("host", "5432", "db", "s", "t")),
    ({"type": "event", "name": "topic", "namespace": "broker:9092"}, naming.Kafka("broker", "9092", "topic")),
    ({"type": "s3", "name": "a/b", "namespace": "s3a://bucket"}, naming.S3("bucket", "a/b")),
    ({"type": "s3", "name": "bucket/a/b"}, naming.S3("bucket", "a/b")),
    ({"type": "file", "name": "/data/orders.csv"}, naming.LocalFileSystem("/data/orders.csv")),
]


@pytest.mark.parametrize(("dataset", "official"), OFFICIAL, ids=lambda value: str(value)[:60])
def test_a_dataset_is_named_as_openlineage_names_it(dataset: Any, official: naming.DatasetNaming) -> None:
    named = to_openlineage(dataset)
    assert (named["namespace"], named["name"]) == (official.get_namespace(), official.get_name())


@pytest.mark.parametrize(
    ("dataset", "namespace", "name"),
    [
        ("s3://bucket", "s3://bucket", "/"),
        ("clickhouse://host/db.t", "clickhouse://host:8123", "db.t"),
        ("sqlserver://host/db.s.t", "mssql://host:1433", "db.s.t"),
        ("https://shop.example.com/v1/orders", "https://shop.example.com", "v1/orders"),
        ("postgres://host", "default", "postgres://host"),
        ({"type": "postgres", "name": "t", "namespace": "analytics"}, "analytics", "t"),
        ({"type": "iceberg", "name": "shop.orders"}, "iceberg", "shop.orders"),
        ({"type": "dataframe", "name": "orders", "namespace": "notebook:1"}, "notebook:1", "orders"),
    ],
)
def test_what_the_specification_does_not_name_is_kept_as_the_users_own_word(
    dataset: Any, namespace: str, name: str
) -> None:
    named = to_openlineage(dataset)
    assert (named["namespace"], named["name"]) == (namespace, name)


def test_there_is_a_valid_example_of_each_adapter() -> None:
    examples = get_adapter_examples()
    assert examples.keys() == {kind.value for kind in AdapterType}
    for example in examples.values():
        assert validate_dataset_spec(example)
        # What it shows is already what OpenLineage calls it.
        named = to_openlineage(example)
        assert (named["namespace"], named["name"]) == (example["namespace"], example["name"])


def test_specs_are_made_of_all_that_a_dataset_may_be() -> None:
    given: list[Any] = [
        "s3://bucket/key",
        {"type": "mysql", "name": "db.t"},
        DatasetSpec("api", "orders"),
        {"namespace": "n", "name": "t"},
    ]
    assert create_dataset_specs(given) == [
        DatasetSpec("s3", "key", namespace="s3://bucket"),
        DatasetSpec("mysql", "db.t"),
        DatasetSpec("api", "orders"),
        DatasetSpec("n", "t", namespace="n"),
    ]


@pytest.mark.parametrize("spec", [{}, {"type": "s3"}, {"type": 7, "name": "t"}, {"type": "s3", "name": 7}, "", None, 7])
def test_what_is_no_dataset_is_not_valid(spec: Any) -> None:
    assert not validate_dataset_spec(spec)
    with pytest.raises((TypeError, ValueError), match="dataset"):
        create_dataset_specs([spec])


def test_facets_of_a_typed_dict_are_kept() -> None:
    facets: dict[str, Any] = {"schema": {"fields": []}}
    assert to_openlineage({"type": "s3", "name": "bucket/key", "facets": facets})["facets"] == facets
