"""Where each table of lineage names a job, a dataset or a run: which rows a deletion (deletion.py) takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Place:
    """Columns of a table that name a job or dataset by (namespace, name), or a run by its id. `only`: in which rows they do."""

    kind: Literal["job", "dataset", "run"]
    columns: tuple[str, ...]
    only: str = ""


JOB, DATASET, RUN = (
    Place("job", ("JobNamespace", "JobName")),
    Place("dataset", ("DatasetNamespace", "DatasetName")),
    Place("run", ("RunId",)),
)
PARENT_JOB, PARENT_RUN = Place("job", ("ParentNamespace", "ParentName")), Place("run", ("ParentRunId",))
INPUT = Place("dataset", ("InputNamespace", "InputName"))
EVENTS_DATASET = Place(
    "dataset",
    ("JSONExtractString(Event, 'dataset', 'namespace')", "JSONExtractString(Event, 'dataset', 'name')"),
    "EventKind = 'dataset'",
)
ENDS = tuple(
    Place(kind, (f"{end}Namespace", f"{end}Name"), f"{end}Kind = '{kind}'")
    for end in ("Origin", "Destination")
    for kind in ("job", "dataset")
)

PLACES: dict[str, tuple[Place, ...]] = {
    "lineage_events": (JOB, EVENTS_DATASET),
    "lineage_runs": (RUN,),
    "lineage_run_events": (RUN,),
    "lineage_run_facets": (RUN,),
    "lineage_run_children": (RUN, PARENT_RUN),
    "lineage_run_datasets": (JOB, DATASET),
    "lineage_run_dataset_facets": (RUN, DATASET),
    "lineage_job_facets": (JOB,),
    "lineage_job_children": (JOB, PARENT_JOB),
    "lineage_dataset_facets": (DATASET,),
    "lineage_dataset_jobs": (DATASET, JOB),
    "lineage_dataset_versions": (DATASET, JOB),
    "lineage_schema_versions": (DATASET,),
    "lineage_facet_versions": (DATASET, JOB),
    "lineage_column_edges": (DATASET, INPUT, JOB),
    "lineage_column_outputs": (DATASET, INPUT),
    "lineage_declared_edges": (DATASET, JOB, *ENDS),
    "lineage_job_runs": (JOB,),
    "lineage_jobs": (JOB,),
    "lineage_datasets": (DATASET,),
    "lineage_symlinks": (DATASET,),
}
"""Where each table names what is deleted: a row goes if one of these places does. A test compares it with the schema."""

LAST: tuple[tuple[str, ...], ...] = (("lineage_job_runs",), ("lineage_jobs", "lineage_datasets"), ("lineage_symlinks",))
"""After all others, and one group after the other, so that what is left after a crash is found again: the runs of a job by
lineage_job_runs, what was named by lineage_jobs and lineage_datasets, all names of a dataset by lineage_symlinks."""

MENTIONS: dict[str, dict[str, tuple[int, int]]] = {
    "lineage_jobs": {"Parent": (2, 3), "Root": (2, 3)},
    "lineage_runs": {"Parent": (3, 4), "Root": (3, 4)},
}
"""Columns of other jobs and runs that name a job: their tuples keep the time, so that no older parent comes to light, and lose the name."""
