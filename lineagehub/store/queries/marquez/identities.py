"""UUIDs of jobs and versions, which Marquez draws at random or from names: here name-based (RFC 9562, version 5), so that they stay.

A job's version is the set of datasets that it reads and writes. A dataset's version is the run that wrote it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

import orjson

from lineagehub.store.queries.aliases import Name

_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:lineagehub:marquez")


def job_uuid(job: Name) -> str:
    """Return the UUID of a job."""
    return _uuid("job", *job)


def job_version(job: Name, inputs: Iterable[Name], outputs: Iterable[Name]) -> str:
    """Return the version of a job that reads and writes these datasets."""
    return _uuid("job-version", *job, sorted(set(inputs)), sorted(set(outputs)))


def schema_version(dataset: Name, schema_hash: str) -> str:
    """Return the version of a dataset's schema."""
    return _uuid("schema-version", *dataset, schema_hash)


def dataset_version(dataset: Name, run_id: str) -> str:
    """Return the version of a dataset that a run wrote; without a run id, that of a dataset that no run has written."""
    return str(uuid.uuid5(_SPACE, _dataset_version_prefix(dataset) + run_id))


def dataset_version_search(dataset: Name, version: uuid.UUID) -> dict[str, str]:
    """Return the parameters with which IS_DATASET_VERSION finds the run of a version."""
    return {"space": _SPACE.hex, "prefix": _dataset_version_prefix(dataset), "version": _hashed_digits(version.hex)}


IS_DATASET_VERSION = (
    "arrayMap(digits -> concat(substring(digits, 1, 12), substring(digits, 14, 3), substring(digits, 18, 15)),"
    " [lower(hex(SHA1(concat(unhex({space:String}), {prefix:String}, RunId))))])[1] = {version:String}"
)
"""True where the version 5 UUID of a row's RunId is the one searched: compared without the digits that hold version and variant."""


def _hashed_digits(digits: str) -> str:
    return digits[:12] + digits[13:16] + digits[17:]


def _dataset_version_prefix(dataset: Name) -> str:
    return orjson.dumps(["dataset-version", *dataset]).decode()


def _uuid(*parts: object) -> str:
    return str(uuid.uuid5(_SPACE, orjson.dumps(parts).decode()))
