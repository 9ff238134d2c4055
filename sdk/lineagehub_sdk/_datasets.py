"""Datasets as users name them: a dict, a DatasetSpec or a short string, into OpenLineage's namespace and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lineagehub_sdk._events import facet


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
    """A dataset. `namespace` is OpenLineage's (where the data live), for example `postgres://db:5432`; default: the type's name."""

    type: str
    name: str
    format: str = DataFormat.TABLE.value
    namespace: str | None = None

    def to_openlineage_dataset(self) -> dict[str, Any]:
        """Return the dataset as OpenLineage has it."""
        kind = self.type.value if isinstance(self.type, Enum) else self.type
        form = self.format.value if isinstance(self.format, Enum) else self.format
        dataset: dict[str, Any] = {"namespace": _without_credentials(self.namespace or kind), "name": self.name}
        if form != DataFormat.TABLE.value:
            storage = facet("1-0-1/StorageDatasetFacet", storageLayer=kind, fileFormat=form)
            dataset["facets"] = {"storage": storage}
        return dataset


Dataset = str | Mapping[str, Any] | DatasetSpec
Datasets = Iterable[Dataset] | Dataset | None
"""What `inputs` and `outputs` may be: several datasets, or one by itself."""


def several(datasets: Datasets) -> tuple[Any, ...]:
    """Return what a user gave as a tuple: nothing, one dataset by itself, or several. Never raises; nothing is checked yet."""
    if datasets is None:
        return ()
    if isinstance(datasets, str | Mapping | DatasetSpec) or not isinstance(datasets, Iterable):
        return (datasets,)
    return tuple(datasets)


def to_openlineage(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset as OpenLineage has it. Raises TypeError or ValueError, which say what it needs."""
    if isinstance(dataset, DatasetSpec):
        return dataset.to_openlineage_dataset()
    if isinstance(dataset, str):
        return _from_text(dataset)
    if not isinstance(dataset, Mapping):
        raise TypeError(f"a dataset is a text, a dict or a DatasetSpec, not {type(dataset).__name__}")
    if dataset.get("type") and dataset.get("name"):
        known = {name: dataset[name] for name in ("type", "name", "format", "namespace") if dataset.get(name)}
        return DatasetSpec(**known).to_openlineage_dataset()
    if not dataset.get("namespace") or not dataset.get("name"):
        raise ValueError("a dataset needs a namespace and a name, or a type and a name")
    return {**dataset, "namespace": _without_credentials(dataset["namespace"])}


def _from_text(text: str) -> dict[str, Any]:
    """`s3://bucket/key`, `postgres://host:5432/db.schema.table`: scheme and authority are the namespace, the path is the name."""
    from urllib.parse import urlsplit

    parts = urlsplit(text)
    if parts.scheme and parts.netloc and parts.path.strip("/"):
        namespace = _without_credentials(f"{parts.scheme}://{parts.netloc}")
        return {"namespace": namespace, "name": parts.path.strip("/")}
    if parts.scheme == "file" and parts.path:
        return {"namespace": "file", "name": parts.path}
    if not text.strip():
        raise ValueError("a dataset's name is empty")
    return {"namespace": "default", "name": _without_credentials(text)}


def _without_credentials(address: str) -> str:
    """Connection strings carry passwords, before the host or behind a question mark; lineage is read by many."""
    scheme, mark, rest = address.partition("://")
    authority, slash, path = rest.partition("?")[0].partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}" if mark else address
