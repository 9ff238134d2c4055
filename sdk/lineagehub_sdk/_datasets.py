"""Datasets as users name them: a dict, a DatasetSpec or a short string, into OpenLineage's namespace and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


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
        dataset: dict[str, Any] = {"namespace": self.namespace or kind, "name": self.name}
        form = self.format.value if isinstance(self.format, Enum) else self.format
        if form != DataFormat.TABLE.value:
            dataset["facets"] = {"storage": {"storageLayer": kind, "fileFormat": form}}
        return dataset


Dataset = str | Mapping[str, Any] | DatasetSpec


def to_openlineage(datasets: Iterable[Dataset] | None) -> list[dict[str, Any]]:
    """Return the datasets as OpenLineage has them. Raises ValueError for one that has no name."""
    return [_one(dataset) for dataset in datasets or ()]


def _one(dataset: Dataset) -> dict[str, Any]:
    if isinstance(dataset, DatasetSpec):
        return dataset.to_openlineage_dataset()
    if isinstance(dataset, str):
        return _from_text(dataset)
    if "type" in dataset:
        known = {
            name: dataset[name] for name in ("type", "name", "format", "namespace") if dataset.get(name) is not None
        }
        return DatasetSpec(**known).to_openlineage_dataset()
    if not dataset.get("namespace") or not dataset.get("name"):
        raise ValueError("A dataset needs a namespace and a name, or a type and a name.")
    return dict(dataset)


def _from_text(text: str) -> dict[str, Any]:
    """`s3://bucket/key`, `postgres://host:5432/db.schema.table`: scheme and authority are the namespace, the path is the name."""
    from urllib.parse import urlsplit

    parts = urlsplit(text)
    if parts.scheme and parts.netloc and parts.path.strip("/"):
        return {"namespace": f"{parts.scheme}://{parts.netloc}", "name": parts.path.strip("/")}
    if parts.scheme == "file" and parts.path:
        return {"namespace": "file", "name": parts.path}
    if not text:
        raise ValueError("A dataset's name is empty.")
    return {"namespace": "default", "name": text}
