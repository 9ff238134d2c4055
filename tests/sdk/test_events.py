"""Everything that the SDK emits is what the official OpenLineage schemas say, each facet by its own schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._telemetry import otel
from opentelemetry.sdk.trace import TracerProvider
from referencing import Registry, Resource

from tests.support.corpus import require_corpus

OUR_FACETS = Path(__file__).parents[2] / "sdk" / "facets"


def _schemas() -> Registry[Any]:
    specification = require_corpus() / "openlineage-spec"
    files = [specification / "OpenLineage.json", *(specification / "facets").glob("*.json"), *OUR_FACETS.glob("*.json")]
    return Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in (json.loads(file.read_text()) for file in files)
    )


def _check(instance: Any, schema_url: str, schemas: Registry[Any]) -> None:
    jsonschema.Draft202012Validator(
        {"$ref": schema_url}, registry=schemas, format_checker=jsonschema.FormatChecker()
    ).validate(instance)


def _facets(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [facet for entry in value for facet in _facets(entry)]
    if not isinstance(value, dict):
        return []
    own = [value] if "_schemaURL" in value else []
    return own + [facet for entry in value.values() for facet in _facets(entry)]


@sdk.lineage_track("inner", outputs=sdk.DatasetSpec("s3", "key", "parquet"))
def _inner_work() -> None:
    run = sdk.current_run()
    assert run is not None
    run.input("s3://bucket/in", rows=1, bytes=2, schema={"amount": "double"})
    run.output(
        "postgres://host/db.schema.table",
        rows=1,
        bytes=2,
        schema=[("total", "double")],
        column_lineage={"total": "amount"},
    )
    run.job_facet("custom", {"value": 1})
    run.facet("custom", {"value": 1})
    raise ValueError("wrong")


@sdk.lineage_track("outer", description="Described.", tags={"team": "shop"}, inputs="s3://bucket/key")
def _work_that_fails() -> None:
    _inner_work()


def test_every_event_and_every_facet_is_valid(memory: list[dict[str, Any]]) -> None:
    schemas = _schemas()
    otel.use_tracer(TracerProvider().get_tracer("test"))
    with pytest.raises(ValueError, match="wrong"):
        _work_that_fails()
    assert sdk.flush(10)
    assert [event["eventType"] for event in memory] == ["START", "START", "FAIL", "FAIL"]
    for event in memory:
        _check(event, event["schemaURL"], schemas)
    facets = _facets(memory)
    for facet in facets:
        _check(facet, facet["_schemaURL"], schemas)
    assert {facet["_schemaURL"].rpartition("/")[2] for facet in facets} == {
        "ColumnLineageDatasetFacet",
        "DocumentationJobFacet",
        "ErrorMessageRunFacet",
        "InputStatisticsInputDatasetFacet",
        "JobFacet",
        "LineagehubTraceRunFacet",
        "OutputStatisticsOutputDatasetFacet",
        "ParentRunFacet",
        "RunFacet",
        "SchemaDatasetFacet",
        "StorageDatasetFacet",
        "TagsJobFacet",
    }
