"""What Marquez 0.51.1 answers about the history: its documents as its Java models serialise them, every key, null and type.

Names of members are from `service/models`, `api/models` and `common/models`; the server's ObjectMapper writes nulls. UUIDs that Marquez
draws are literals here: they must never change.
"""

from __future__ import annotations

from typing import Any

from tests.hub.web.marquez.history import (
    ASSERTIONS,
    AUDIT,
    AUDIT_RUN,
    COLUMNS,
    COUNTRY,
    CREATE,
    DATASET_DOCUMENTATION,
    DATASET_TAGS,
    DROP,
    ERROR,
    FIRST_LOAD,
    JOB_DOCUMENTATION,
    JOB_TAGS,
    JOB_TYPE,
    LOAD,
    LOCATION,
    NOMINAL,
    OLD_SCHEMA,
    ORDERS,
    PARENT,
    PARENT_RUN,
    PLANNED,
    RAW,
    REPORT,
    REPORT_RUN,
    SCHEMA,
    SECOND_LOAD,
    SOURCE,
    SQL,
    STATISTICS,
    SUMMARY,
    SYMLINKS,
)

Document = dict[str, Any]

ETL_UUID = "c54ef01c-ce8f-5230-a0e2-0dd322f5ec06"
LOAD_VERSION = "501bd7d6-7cf3-5afb-8cae-b3dcecfbd00c"
REPORT_VERSION = "4088586d-28c9-5a7e-968b-f27f66fe72ed"
RAW_VERSION = "d0abd500-8932-5d7e-8c02-ba99ee6989e9"
FIRST_ORDERS_VERSION = "0b516b41-d304-5e1e-b6ce-82ada23cf298"
ORDERS_VERSION = "797c4b77-461a-5329-ab01-c08590d6c364"
SUMMARY_VERSION = "780d4b37-4df5-5040-b8d1-d9337757e9fb"
COUNTRY_VERSION = "a2a4d2bc-2d4b-5936-97aa-e6de5554687d"

PARENT_ARGUMENTS = {"run_id": PARENT_RUN, "name": "etl", "namespace": "prod/eu"}


def version_of(name: Document, version: str) -> Document:
    """Return a JobVersionId or DatasetVersionId."""
    return {"namespace": name["namespace"], "name": name["name"], "version": version}


def read_or_written(name: Document, version: str, **facets: Document) -> Document:
    """Return an InputDatasetVersion or OutputDatasetVersion."""
    return {"datasetVersionId": version_of(name, version), "facets": facets}


def namespace(name: str, created_at: str, updated_at: str) -> Document:
    """Return a Namespace."""
    return {
        "name": name,
        "createdAt": created_at,
        "updatedAt": updated_at,
        "ownerName": "anonymous",
        "description": None,
        "isHidden": False,
    }


SECOND_LOADS_RUN = {
    "id": SECOND_LOAD,
    "createdAt": "2024-03-01T11:00:00Z",
    "updatedAt": "2024-03-01T11:01:00.123456Z",
    "nominalStartTime": "2024-03-01T09:00:00Z",
    "nominalEndTime": "2024-03-01T11:00:00Z",
    "state": "COMPLETED",
    "startedAt": "2024-03-01T11:00:00Z",
    "endedAt": "2024-03-01T11:01:00.123456Z",
    "durationMs": 60123,
    "args": {
        "nominal_start_time": "2024-03-01T09:00:00Z",
        "nominal_end_time": "2024-03-01T11:00:00Z",
        **PARENT_ARGUMENTS,
    },
    "jobVersion": version_of(LOAD, LOAD_VERSION),
    "inputDatasetVersions": [read_or_written(RAW, RAW_VERSION, dataQualityAssertions=ASSERTIONS)],
    "outputDatasetVersions": [read_or_written(ORDERS, ORDERS_VERSION, outputStatistics=STATISTICS)],
    "facets": {"nominalTime": NOMINAL, "parent": PARENT},
}
FIRST_LOADS_RUN = {
    "id": FIRST_LOAD,
    "createdAt": "2024-03-01T10:00:00Z",
    "updatedAt": "2024-03-01T10:00:30.500Z",
    "nominalStartTime": None,
    "nominalEndTime": None,
    "state": "FAILED",
    "startedAt": "2024-03-01T10:00:00Z",
    "endedAt": "2024-03-01T10:00:30.500Z",
    "durationMs": 30500,
    "args": PARENT_ARGUMENTS,
    "jobVersion": version_of(LOAD, LOAD_VERSION),
    "inputDatasetVersions": [read_or_written(RAW, RAW_VERSION, dataQualityAssertions=ASSERTIONS)],
    "outputDatasetVersions": [read_or_written(ORDERS, FIRST_ORDERS_VERSION)],
    "facets": {"errorMessage": ERROR, "parent": PARENT},
}
REPORTS_RUN = {
    "id": REPORT_RUN,
    "createdAt": "2024-03-01T12:00:00Z",
    "updatedAt": "2024-03-01T12:00:10Z",
    "nominalStartTime": None,
    "nominalEndTime": None,
    "state": "COMPLETED",
    "startedAt": "2024-03-01T12:00:00Z",
    "endedAt": "2024-03-01T12:00:10Z",
    "durationMs": 10000,
    "args": {},
    "jobVersion": version_of(REPORT, REPORT_VERSION),
    "inputDatasetVersions": [read_or_written(ORDERS, ORDERS_VERSION)],
    "outputDatasetVersions": [read_or_written(SUMMARY, SUMMARY_VERSION)],
    "facets": {},
}
AUDITS_RUN: Document = {
    "id": AUDIT_RUN,
    "createdAt": "2024-03-01T13:00:00Z",
    "updatedAt": "2024-03-01T13:00:00Z",
    "nominalStartTime": None,
    "nominalEndTime": None,
    "state": "RUNNING",
    "startedAt": "2024-03-01T13:00:00Z",
    "endedAt": None,
    "durationMs": None,
    "args": {},
    "jobVersion": None,
    "inputDatasetVersions": [read_or_written(SUMMARY, SUMMARY_VERSION)],
    "outputDatasetVersions": [],
    "facets": {},
}

LOAD_JOB_FACETS = {
    "documentation": JOB_DOCUMENTATION,
    "jobType": JOB_TYPE,
    "sourceCodeLocation": LOCATION,
    "sql": SQL,
    "tags": JOB_TAGS,
}
LOAD_JOB = {
    "id": LOAD,
    "type": "BATCH",
    "name": LOAD["name"],
    "simpleName": "load 100%",
    "parentJobName": "etl",
    "parentJobUuid": ETL_UUID,
    "createdAt": "2024-03-01T10:00:00Z",
    "updatedAt": "2024-03-01T11:01:00.123456Z",
    "namespace": LOAD["namespace"],
    "inputs": [RAW],
    "outputs": [ORDERS],
    "location": "https://example.com/etl.py",
    "description": "Loads the orders.",
    "latestRun": SECOND_LOADS_RUN,
    "latestRuns": [SECOND_LOADS_RUN, FIRST_LOADS_RUN],
    "facets": LOAD_JOB_FACETS,
    "currentVersion": LOAD_VERSION,
    "labels": ["JOB", "SPARK"],
    "tags": ["nightly"],
}
AUDIT_JOB = {
    "id": AUDIT,
    "type": "BATCH",
    "name": "audit",
    "simpleName": "audit",
    "parentJobName": None,
    "parentJobUuid": None,
    "createdAt": "2024-03-01T13:00:00Z",
    "updatedAt": "2024-03-01T13:00:00Z",
    "namespace": "prod/eu",
    "inputs": [SUMMARY],
    "outputs": [],
    "location": None,
    "description": None,
    "latestRun": AUDITS_RUN,
    "latestRuns": [AUDITS_RUN],
    "facets": {},
    "currentVersion": None,
    "labels": [],
    "tags": [],
}
LOAD_JOB_VERSION = {
    "id": version_of(LOAD, LOAD_VERSION),
    "name": LOAD["name"],
    "createdAt": "2024-03-01T10:00:00Z",
    "version": LOAD_VERSION,
    "namespace": LOAD["namespace"],
    "location": "https://example.com/etl.py",
    "inputs": [RAW],
    "outputs": [ORDERS],
    "latestRun": SECOND_LOADS_RUN,
}

ORDERS_FIELDS = [
    {"name": "id", "type": "BIGINT", "tags": [], "description": "The key."},
    {"name": "amount", "type": "DECIMAL", "tags": ["money"], "description": None},
    {"name": "note", "type": None, "tags": [], "description": None},
]
ORDERS_FACETS = {
    "columnLineage": COLUMNS,
    "dataSource": SOURCE,
    "documentation": DATASET_DOCUMENTATION,
    "schema": SCHEMA,
    "symlinks": SYMLINKS,
    "tags": DATASET_TAGS,
}
ORDERS_DATASET = {
    "id": ORDERS,
    "type": "DB_TABLE",
    "name": ORDERS["name"],
    "physicalName": ORDERS["name"],
    "createdAt": "2024-03-01T10:00:00Z",
    "updatedAt": "2024-03-01T12:00:10Z",
    "namespace": ORDERS["namespace"],
    "sourceName": "orders-db",
    "fields": ORDERS_FIELDS,
    "tags": ["pii"],
    "lastModifiedAt": "2024-03-01T11:01:00.123456Z",
    "lastLifecycleState": "",
    "description": "Orders, one row each.",
    "currentVersion": ORDERS_VERSION,
    "columnLineage": [
        {
            "name": "amount",
            "inputFields": [
                {
                    "namespace": RAW["namespace"],
                    "dataset": RAW["name"],
                    "field": "price",
                    "transformationDescription": "Cast.",
                    "transformationType": "DIRECT",
                }
            ],
            "transformationDescription": "Cast.",
            "transformationType": "DIRECT",
        },
        {
            "name": "id",
            "inputFields": [
                {
                    "namespace": RAW["namespace"],
                    "dataset": RAW["name"],
                    "field": "id",
                    "transformationDescription": "As is.",
                    "transformationType": "IDENTITY",
                }
            ],
            "transformationDescription": "As is.",
            "transformationType": "IDENTITY",
        },
    ],
    "facets": {**ORDERS_FACETS, "lifecycleStateChange": CREATE},
    "deleted": False,
}
COUNTRY_FIELDS: list[Document] = [{"name": "id", "type": "INT", "tags": [], "description": None}]
COUNTRY_DATASET = {
    "id": COUNTRY,
    "type": "DB_TABLE",
    "name": COUNTRY["name"],
    "physicalName": COUNTRY["name"],
    "createdAt": "2024-03-01T09:00:00Z",
    "updatedAt": "2024-03-01T09:00:00Z",
    "namespace": COUNTRY["namespace"],
    "sourceName": "default",
    "fields": COUNTRY_FIELDS,
    "tags": [],
    "lastModifiedAt": None,
    "lastLifecycleState": "DROP",
    "description": None,
    "currentVersion": COUNTRY_VERSION,
    "columnLineage": None,
    "facets": {"lifecycleStateChange": DROP, "schema": OLD_SCHEMA},
    "deleted": True,
}


def dataset_version(dataset: Document, version: str, **members: Any) -> Document:
    """Return a DatasetVersion."""
    shared = ("id", "type", "name", "physicalName", "namespace", "sourceName", "tags", "description")
    return {**{name: dataset[name] for name in shared}, "version": version, **members}


ORDERS_VERSIONS = [
    dataset_version(
        ORDERS_DATASET,
        ORDERS_VERSION,
        createdAt="2024-03-01T11:01:00.123456Z",
        fields=ORDERS_FIELDS,
        lifecycleState="",
        currentSchemaVersion="SCHEMA 2",
        createdByRun=SECOND_LOADS_RUN,
        facets=ORDERS_FACETS,
    ),
    dataset_version(
        ORDERS_DATASET,
        FIRST_ORDERS_VERSION,
        createdAt="2024-03-01T10:00:00Z",
        fields=[{"name": "id", "type": "INT", "tags": [], "description": None}],
        lifecycleState="CREATE",
        currentSchemaVersion="SCHEMA 1",
        createdByRun=FIRST_LOADS_RUN,
        facets={"lifecycleStateChange": CREATE, "schema": OLD_SCHEMA},
    ),
]

SOURCES = [
    {
        "type": "POSTGRESQL",
        "name": "default",
        "createdAt": "2024-03-01T08:00:00Z",
        "updatedAt": "2024-03-01T13:00:00Z",
        "connectionUrl": "",
        "description": None,
    },
    {
        "type": "POSTGRESQL",
        "name": "orders-db",
        "createdAt": "2024-03-01T10:00:00Z",
        "updatedAt": "2024-03-01T11:01:00.123456Z",
        "connectionUrl": "postgres://db:5432/shop",
        "description": None,
    },
]

LOAD_ID, REPORT_ID = "job:prod/eu:etl.load 100%", "job:prod/eu:report"
RAW_ID = "dataset:s3://lake:raw/orders"
ORDERS_ID = "dataset:postgres://db:5432:shop.public.orders"
SUMMARY_ID = "dataset:postgres://db:5432:shop.public.report"
PLANNED_ID, AUDIT_ID = "job:plans:planned", "job:prod/eu:audit"

LOAD_NODE = {
    "id": LOAD_ID,
    "type": "JOB",
    "data": {
        "id": LOAD,
        "type": "BATCH",
        "name": LOAD["name"],
        "simpleName": "load 100%",
        "parentJobName": "etl",
        "parentJobUuid": ETL_UUID,
        "currentRunUuid": SECOND_LOAD,
        "createdAt": "2024-03-01T10:00:00Z",
        "updatedAt": "2024-03-01T11:01:00.123456Z",
        "namespace": LOAD["namespace"],
        "inputs": [RAW],
        "outputs": [ORDERS],
        "location": "https://example.com/etl.py",
        "description": "Loads the orders.",
        "latestRun": SECOND_LOADS_RUN,
    },
    "inEdges": [{"origin": RAW_ID, "destination": LOAD_ID}],
    "outEdges": [{"origin": LOAD_ID, "destination": ORDERS_ID}],
}
ORDERS_NODE = {
    "id": ORDERS_ID,
    "type": "DATASET",
    "data": {
        "id": ORDERS,
        "type": "DB_TABLE",
        "name": ORDERS["name"],
        "physicalName": ORDERS["name"],
        "createdAt": "2024-03-01T10:00:00Z",
        "updatedAt": "2024-03-01T12:00:10Z",
        "namespace": ORDERS["namespace"],
        "sourceName": "orders-db",
        "fields": ORDERS_FIELDS,
        "tags": ["pii"],
        "lastModifiedAt": "2024-03-01T11:01:00.123456Z",
        "description": "Orders, one row each.",
        "lastLifecycleState": "",
    },
    "inEdges": [{"origin": LOAD_ID, "destination": ORDERS_ID}],
    "outEdges": [],
}
PLANNED_NODE_DATA = {
    "id": PLANNED,
    "type": "BATCH",
    "name": "planned",
    "simpleName": "planned",
    "parentJobName": None,
    "parentJobUuid": None,
    "currentRunUuid": None,
    "createdAt": "2024-03-01T08:00:00Z",
    "updatedAt": "2024-03-01T08:00:00Z",
    "namespace": "plans",
    "inputs": [SUMMARY],
    "outputs": [],
    "location": None,
    "description": None,
    "latestRun": None,
}


def column_id(dataset: Document, field: str) -> str:
    """Return the node id of a column."""
    return f"datasetField:{dataset['namespace']}:{dataset['name']}:{field}"


AMOUNT_ID, PRICE_ID, TOTAL_ID = column_id(ORDERS, "amount"), column_id(RAW, "price"), column_id(SUMMARY, "total")
AMOUNT_NODE = {
    "id": AMOUNT_ID,
    "type": "DATASET_FIELD",
    "data": {
        "namespace": ORDERS["namespace"],
        "dataset": ORDERS["name"],
        "datasetVersion": ORDERS_VERSION,
        "field": "amount",
        "fieldType": "DECIMAL",
        "transformationDescription": "Cast.",
        "transformationType": "DIRECT",
        "inputFields": [
            {
                "namespace": RAW["namespace"],
                "dataset": RAW["name"],
                "datasetVersion": RAW_VERSION,
                "field": "price",
                "transformationDescription": "Cast.",
                "transformationType": "DIRECT",
            }
        ],
    },
    "inEdges": [{"origin": AMOUNT_ID, "destination": PRICE_ID}],
    "outEdges": [],
}
PRICE_NODE = {
    "id": PRICE_ID,
    "type": "DATASET_FIELD",
    "data": {
        "namespace": RAW["namespace"],
        "dataset": RAW["name"],
        "datasetVersion": RAW_VERSION,
        "field": "price",
        "fieldType": "",
        "transformationDescription": None,
        "transformationType": None,
        "inputFields": [],
    },
    "inEdges": [],
    "outEdges": [{"origin": PRICE_ID, "destination": AMOUNT_ID}],
}

UPSTREAM = [
    {
        "job": version_of(REPORT, REPORT_VERSION),
        "run": {
            "id": REPORT_RUN,
            "start": "2024-03-01T12:00:00Z",
            "end": "2024-03-01T12:00:10Z",
            "status": "COMPLETED",
        },
        "inputs": [{**version_of(ORDERS, ORDERS_VERSION), "producedByRunId": SECOND_LOAD}],
    },
    {
        "job": version_of(LOAD, LOAD_VERSION),
        "run": {
            "id": SECOND_LOAD,
            "start": "2024-03-01T11:00:00Z",
            "end": "2024-03-01T11:01:00.123456Z",
            "status": "COMPLETED",
        },
        "inputs": [{**version_of(RAW, RAW_VERSION), "producedByRunId": None}],
    },
]
