"""Datasets as users name them: a dict, a DatasetSpec, a short string or a path, into OpenLineage's namespace and name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lineagehub_sdk._lineage import naming
from lineagehub_sdk._lineage.facets import facet


class AdapterType(str, Enum):
    """Where a dataset lives."""

    MYSQL = "mysql"
    POSTGRES = "postgres"
    CLICKHOUSE = "clickhouse"
    ICEBERG = "iceberg"
    S3 = "s3"
    FILE = "file"
    EVENT = "event"
    API = "api"
    DATAFRAME = "dataframe"


class DataFormat(str, Enum):
    """What a dataset holds."""

    TABLE = "table"
    JSON = "json"
    AVRO = "avro"
    PARQUET = "parquet"
    CSV = "csv"
    XML = "xml"
    YAML = "yaml"
    TEXT = "text"
    BINARY = "binary"


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset. `type` is an AdapterType, or any other word (a scheme such as `kafka` or `bigquery`); `format` a DataFormat.

    `namespace` is OpenLineage's (where the data live), for example `postgres://db:5432`; default: what the name says
    (`s3://bucket/key`), else the type's name.
    """

    type: str
    name: str
    format: str = DataFormat.TABLE.value
    namespace: str | None = None

    def to_openlineage_dataset(self) -> dict[str, Any]:
        """Return the dataset as OpenLineage has it: `{namespace, name}`, with a storage facet unless the format is `table`.

        Raises TypeError or ValueError for a type or a name that is no text, or empty.
        """
        kind, form = _word(self.type, "type"), _word(self.format, "format")
        namespace, name = naming.from_type(kind, _word(self.name, "name"), self.namespace)
        dataset: dict[str, Any] = {"namespace": namespace, "name": name}
        if form != DataFormat.TABLE.value:
            storage = facet("1-0-1/StorageDatasetFacet", storageLayer=kind, fileFormat=form)
            dataset["facets"] = {"storage": storage}
        return dataset


Dataset = str | os.PathLike[str] | Mapping[str, Any] | DatasetSpec
Datasets = Iterable[Dataset] | Dataset | None
"""What `inputs` and `outputs` may be: several datasets, or one by itself."""
Inputs = Datasets | Callable[[dict[str, Any]], Datasets]
"""Also computed from the call: a callable that is given the arguments by name, defaults included."""
Outputs = Datasets | Callable[[dict[str, Any], Any], Datasets]
"""Also computed from the call's arguments and its result, once there is one."""


def get_adapter_examples() -> dict[str, dict[str, Any]]:
    """Return an example of a dataset for each AdapterType: `{type, name, format, namespace}`."""
    examples: dict[AdapterType, tuple[str, DataFormat, str]] = {
        AdapterType.MYSQL: ("shop.orders", DataFormat.TABLE, "mysql://db:3306"),
        AdapterType.POSTGRES: ("shop.public.orders", DataFormat.TABLE, "postgres://db:5432"),
        AdapterType.CLICKHOUSE: ("analytics.orders", DataFormat.TABLE, "clickhouse://db:8123"),
        AdapterType.ICEBERG: ("warehouse/shop/orders", DataFormat.TABLE, "s3://lake"),
        AdapterType.S3: ("raw/orders.parquet", DataFormat.PARQUET, "s3://lake"),
        AdapterType.FILE: ("/data/orders.csv", DataFormat.CSV, "file"),
        AdapterType.EVENT: ("orders", DataFormat.AVRO, "kafka://broker:9092"),
        AdapterType.API: ("v1/orders", DataFormat.JSON, "https://shop.example.com"),
        AdapterType.DATAFRAME: ("orders", DataFormat.TABLE, "dataframe"),
    }
    return {
        kind.value: {"type": kind.value, "name": name, "format": form.value, "namespace": namespace}
        for kind, (name, form, namespace) in examples.items()
    }


def validate_dataset_spec(spec: Dataset) -> bool:
    """Whether this can be a dataset of a run; where it cannot, `create_dataset_specs` says why."""
    try:
        _spec_of(spec)
    except (TypeError, ValueError):
        return False
    return True


def create_dataset_specs(specs: Datasets) -> list[DatasetSpec]:
    """Return what a user gave as DatasetSpecs. Raises TypeError or ValueError, which say what is missing."""
    return [_spec_of(spec) for spec in several(specs)]


def several(datasets: Any) -> tuple[Any, ...]:
    """Return what a user gave as a tuple: nothing, one dataset by itself, or several. Never checks what they are."""
    if datasets is None:
        return ()
    if isinstance(datasets, str | Mapping | DatasetSpec | os.PathLike) or not isinstance(datasets, Iterable):
        return (datasets,)
    return tuple(datasets)


def to_openlineage(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset as OpenLineage has it. Raises TypeError or ValueError, which say what it needs."""
    if isinstance(dataset, str):
        namespace, name = naming.from_address(dataset)
        return {"namespace": namespace, "name": name}
    if isinstance(dataset, DatasetSpec):
        return dataset.to_openlineage_dataset()
    if isinstance(dataset, os.PathLike):
        return {"namespace": "file", "name": os.path.abspath(dataset)}
    if not isinstance(dataset, Mapping):
        raise TypeError(f"a dataset is a text, a path, a dict or a DatasetSpec, not {type(dataset).__name__}")
    if dataset.get("type") and dataset.get("name"):
        known = {name: dataset[name] for name in ("type", "name", "format", "namespace") if dataset.get(name)}
        made = DatasetSpec(**known).to_openlineage_dataset()
        return {**made, **{name: dataset[name] for name in _FACETS if name in dataset}}
    if not dataset.get("namespace") or not dataset.get("name"):
        raise ValueError("a dataset needs a namespace and a name, or a type and a name")
    return {**dataset, "namespace": naming.without_credentials(_word(dataset["namespace"], "namespace"))}


_FACETS = ("facets", "inputFacets", "outputFacets")


def _spec_of(dataset: Dataset) -> DatasetSpec:
    made = to_openlineage(dataset)
    if isinstance(dataset, DatasetSpec):
        return dataset
    if isinstance(dataset, Mapping) and dataset.get("type"):
        return DatasetSpec(dataset["type"], dataset["name"], dataset.get("format") or "table", dataset.get("namespace"))
    return DatasetSpec(made["namespace"].partition("://")[0], made["name"], namespace=made["namespace"])


def _word(value: Any, what: str) -> str:
    text = value.value if isinstance(value, Enum) else value
    if not isinstance(text, str) or not text.strip():
        raise TypeError(f"a dataset's {what} is a text that is not empty, not {value!r}")
    return text
