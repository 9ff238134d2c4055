"""A small history of one tenant, and of a second one with the same names: what Marquez's reads are asked about.

`etl.load` (parent `etl`) reads raw/orders and writes shop.orders, twice; `report` reads shop.orders by its other name and writes
shop.report; `audit` runs still; `planned` is a JobEvent; `dim.country` a DatasetEvent. Names hold slashes, colons, percents, spaces.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from lineagehub.store.client import ClickHouse
from lineagehub.store.landing import LINEAGE_EVENTS_IN, encode_record, insert_settings

PRODUCER = "https://example.com/tests"
SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs"

LOAD = {"namespace": "prod/eu", "name": "etl.load 100%"}
REPORT = {"namespace": "prod/eu", "name": "report"}
AUDIT = {"namespace": "prod/eu", "name": "audit"}
PLANNED = {"namespace": "plans", "name": "planned"}
RAW = {"namespace": "s3://lake", "name": "raw/orders"}
ORDERS = {"namespace": "postgres://db:5432", "name": "shop.public.orders"}
ORDERS_ALIAS = {"namespace": "hive://metastore", "name": "shop.orders"}
SUMMARY = {"namespace": "postgres://db:5432", "name": "shop.public.report"}
COUNTRY = {"namespace": "postgres://db:5432", "name": "dim.country"}

FIRST_LOAD = "01900000-0000-7000-8000-000000000001"
SECOND_LOAD = "01900000-0000-7000-8000-000000000002"
REPORT_RUN = "01900000-0000-7000-8000-000000000003"
AUDIT_RUN = "01900000-0000-7000-8000-000000000004"
PARENT_RUN = "01900000-0000-7000-8000-00000000000f"

OTHER_TENANTS_JOB = {"namespace": "prod/eu", "name": "secret"}
OTHER_TENANTS_DATASET = {"namespace": "s3://lake", "name": "secret/table"}
OTHER_TENANTS_RUN = "01900000-0000-7000-8000-0000000000bb"


def facet(name: str, /, **members: Any) -> dict[str, Any]:
    """Return a facet of the specification."""
    return {
        "_producer": PRODUCER,
        "_schemaURL": f"https://openlineage.io/spec/facets/1-0-0/{name}.json#/$defs/{name}",
        **members,
    }


PARENT = facet("ParentRunFacet", run={"runId": PARENT_RUN}, job={"namespace": "prod/eu", "name": "etl"})
NOMINAL = facet(
    "NominalTimeRunFacet", nominalStartTime="2024-03-01T10:00:00+01:00", nominalEndTime="2024-03-01T11:00:00Z"
)
SQL = facet("SQLJobFacet", query="INSERT INTO orders SELECT * FROM raw")
LOCATION = facet("SourceCodeLocationJobFacet", type="git", url="https://example.com/etl.py")
JOB_DOCUMENTATION = facet("DocumentationJobFacet", description="Loads the orders.")
JOB_TYPE = facet("JobTypeJobFacet", processingType="BATCH", integration="SPARK", jobType="JOB")
JOB_TAGS = facet("TagsJobFacet", tags=[{"key": "nightly", "value": "true", "source": "TEST"}])
SCHEMA = facet(
    "SchemaDatasetFacet",
    fields=[
        {"name": "id", "type": "BIGINT", "description": "The key."},
        {"name": "amount", "type": "DECIMAL"},
        {"name": "note"},
    ],
)
OLD_SCHEMA = facet("SchemaDatasetFacet", fields=[{"name": "id", "type": "INT"}])
RAW_SCHEMA = facet("SchemaDatasetFacet", fields=[{"name": "id", "type": "string"}, {"name": "price", "type": "string"}])
SUMMARY_SCHEMA = facet("SchemaDatasetFacet", fields=[{"name": "total", "type": "DECIMAL"}])
SOURCE = facet("DatasourceDatasetFacet", name="orders-db", uri="postgres://db:5432/shop")
DATASET_DOCUMENTATION = facet("DocumentationDatasetFacet", description="Orders, one row each.")
DATASET_TAGS = facet(
    "TagsDatasetFacet",
    tags=[
        {"key": "pii", "value": "true", "source": "TEST"},
        {"key": "money", "value": "true", "source": "TEST", "field": "amount"},
    ],
)
SYMLINKS = facet("SymlinksDatasetFacet", identifiers=[{**ORDERS_ALIAS, "type": "TABLE"}])
COLUMNS = facet(
    "ColumnLineageDatasetFacet",
    fields={
        "id": {
            "inputFields": [{**RAW, "field": "id"}],
            "transformationType": "IDENTITY",
            "transformationDescription": "As is.",
        },
        "amount": {
            "inputFields": [
                {
                    **RAW,
                    "field": "price",
                    "transformations": [{"type": "DIRECT", "subtype": "TRANSFORMATION", "description": "Cast."}],
                }
            ]
        },
    },
)
SUMMARY_COLUMNS = facet(
    "ColumnLineageDatasetFacet", fields={"total": {"inputFields": [{**ORDERS_ALIAS, "field": "amount"}]}}
)
STATISTICS = facet("OutputStatisticsOutputDatasetFacet", rowCount=7)
ASSERTIONS = facet(
    "DataQualityAssertionsDatasetFacet", assertions=[{"assertion": "not_null", "success": True, "column": "id"}]
)
CREATE = facet("LifecycleStateChangeDatasetFacet", lifecycleStateChange="CREATE")
DROP = facet("LifecycleStateChangeDatasetFacet", lifecycleStateChange="DROP")
SECRET_TAGS = facet("TagsDatasetFacet", tags=[{"key": "secret", "value": "1"}])
ERROR = facet("ErrorMessageRunFacet", message="Out of disk.", programmingLanguage="PYTHON")


def run_event(
    kind: str, at: str, run_id: str, job: dict[str, Any], inputs: list[Any], outputs: list[Any], **run_facets: Any
) -> dict[str, Any]:
    """Return a RunEvent."""
    return {
        "eventType": kind,
        "eventTime": at,
        "run": {"runId": run_id, "facets": run_facets},
        "job": job,
        "inputs": inputs,
        "outputs": outputs,
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}/RunEvent",
    }


def events() -> list[dict[str, Any]]:
    """Return the tenant's events, in the order of their times."""
    load = {
        **LOAD,
        "facets": {
            "sql": SQL,
            "sourceCodeLocation": LOCATION,
            "documentation": JOB_DOCUMENTATION,
            "jobType": JOB_TYPE,
            "tags": JOB_TAGS,
        },
    }
    raw = {**RAW, "facets": {"schema": RAW_SCHEMA}, "inputFacets": {"dataQualityAssertions": ASSERTIONS}}
    orders = {
        **ORDERS,
        "facets": {
            "schema": SCHEMA,
            "dataSource": SOURCE,
            "documentation": DATASET_DOCUMENTATION,
            "tags": DATASET_TAGS,
            "symlinks": SYMLINKS,
            "columnLineage": COLUMNS,
        },
        "outputFacets": {"outputStatistics": STATISTICS},
    }
    old_orders = {**ORDERS, "facets": {"schema": OLD_SCHEMA, "lifecycleStateChange": CREATE}}
    summary = {**SUMMARY, "facets": {"schema": SUMMARY_SCHEMA, "columnLineage": SUMMARY_COLUMNS}}
    return [
        run_event("START", "2024-03-01T10:00:00Z", FIRST_LOAD, load, [raw], [old_orders], parent=PARENT),
        run_event("FAIL", "2024-03-01T10:00:30.500Z", FIRST_LOAD, load, [raw], [old_orders], errorMessage=ERROR),
        run_event("START", "2024-03-01T11:00:00Z", SECOND_LOAD, load, [raw], [], parent=PARENT, nominalTime=NOMINAL),
        run_event("COMPLETE", "2024-03-01T11:01:00.123456Z", SECOND_LOAD, load, [], [orders]),
        run_event("START", "2024-03-01T12:00:00Z", REPORT_RUN, REPORT, [ORDERS_ALIAS], []),
        run_event("COMPLETE", "2024-03-01T12:00:10Z", REPORT_RUN, REPORT, [ORDERS_ALIAS], [summary]),
        run_event("START", "2024-03-01T13:00:00Z", AUDIT_RUN, AUDIT, [SUMMARY], []),
        {
            "eventTime": "2024-03-01T08:00:00Z",
            "job": PLANNED,
            "inputs": [SUMMARY],
            "outputs": [],
            "producer": PRODUCER,
            "schemaURL": f"{SPEC}/JobEvent",
        },
        {
            "eventTime": "2024-03-01T09:00:00Z",
            "dataset": {
                **COUNTRY,
                "facets": {
                    "schema": OLD_SCHEMA,
                    "lifecycleStateChange": DROP,
                },
            },
            "producer": PRODUCER,
            "schemaURL": f"{SPEC}/DatasetEvent",
        },
    ]


def other_tenants_events() -> list[dict[str, Any]]:
    """Return the events of another tenant, in the same namespaces of OpenLineage."""
    secret = {
        **OTHER_TENANTS_DATASET,
        "facets": {"schema": SCHEMA, "tags": facet("TagsDatasetFacet", tags=[{"key": "secret", "value": "1"}])},
    }
    return [run_event("COMPLETE", "2024-03-01T11:30:00Z", OTHER_TENANTS_RUN, OTHER_TENANTS_JOB, [RAW], [secret])]


async def store(clickhouse: ClickHouse, tenant: str, told: list[dict[str, Any]]) -> None:
    """Store events of a tenant as an agent does."""
    rows = [
        encode_record(
            namespace=tenant,
            event_id=uuid.uuid4().hex,
            topic="tests",
            partition=0,
            offset=offset,
            received_at_ms=time.time_ns() // 1_000_000,
            retention_days=3_650,
            value=json.dumps(event).encode(),
        )
        for offset, event in enumerate(told)
    ]
    await clickhouse.insert(
        LINEAGE_EVENTS_IN.name, "Protobuf", b"".join(rows), insert_settings(LINEAGE_EVENTS_IN, uuid.uuid4().hex)
    )
