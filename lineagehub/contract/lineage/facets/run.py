"""The facets of a run: `run.facets`."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType, field

from lineagehub.contract.lineage.facets.base import DeletableFacet, Facet, Part, Tag
from lineagehub.contract.lineage.formats import DateTime, Integer, Uuid


class EnvironmentVariable(Part):
    """One variable of the run's environment."""

    name: str
    value: str


class EnvironmentVariablesRunFacet(Facet):
    """Chosen variables of the run's environment."""

    environment_variables: list[EnvironmentVariable]


class ErrorMessageRunFacet(Facet):
    """Why the run failed."""

    message: str
    programming_language: str
    stack_trace: str | UnsetType = UNSET


class ExecutionParameter(Part, forbid_unknown_fields=True):
    """One parameter; the only object of the specification that has no other members than these."""

    key: str
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    value: str | UnsetType = UNSET


class ExecutionParametersRunFacet(Facet):
    """The parameters that the run was started with."""

    parameters: list[ExecutionParameter] | UnsetType = UNSET


class ExternalQueryRunFacet(Facet):
    """The query of another system that did the work."""

    external_query_id: str
    source: str


class ExtractionError(Part):
    """What could not be extracted."""

    error_message: str
    stack_trace: str | UnsetType = UNSET
    task: str | UnsetType = UNSET
    task_number: Integer | UnsetType = UNSET


class ExtractionErrorRunFacet(Facet):
    """What the producer could not extract."""

    total_tasks: Integer
    failed_tasks: Integer
    errors: list[ExtractionError]


class RunIdentifier(Part):
    """A run by its id."""

    run_id: Uuid


class JobIdentifier(Part):
    """A job by its name."""

    namespace: str
    name: str


class JobDependency(Part):
    """A job that comes before or after, and under which rule."""

    job: JobIdentifier
    run: RunIdentifier | UnsetType = UNSET
    dependency_type: str | UnsetType = field(name="dependency_type", default=UNSET)
    sequence_trigger_rule: str | UnsetType = field(name="sequence_trigger_rule", default=UNSET)
    status_trigger_rule: str | UnsetType = field(name="status_trigger_rule", default=UNSET)


class JobDependenciesRunFacet(Facet):
    """The jobs around the run's own, by control, not by data."""

    upstream: list[JobDependency] | UnsetType = UNSET
    downstream: list[JobDependency] | UnsetType = UNSET
    trigger_rule: str | UnsetType = field(name="trigger_rule", default=UNSET)


class NominalTimeRunFacet(Facet):
    """The time that the run is about."""

    nominal_start_time: DateTime
    nominal_end_time: DateTime | UnsetType = UNSET


class ParentRun(RunIdentifier):
    """A run above, with facets of it."""

    facets: dict[str, Facet] | UnsetType = UNSET


class ParentJob(JobIdentifier):
    """A job above, with facets of it."""

    facets: dict[str, DeletableFacet] | UnsetType = UNSET


class Root(Part):
    """The topmost run."""

    run: ParentRun
    job: ParentJob


class ParentRunFacet(Facet):
    """The run that started this one, and the topmost one."""

    run: ParentRun
    job: ParentJob
    root: Root | UnsetType = UNSET


class ProcessingEngineRunFacet(Facet):
    """The engine that ran it, as Spark 3.5."""

    version: str
    name: str | UnsetType = UNSET
    openlineage_adapter_version: str | UnsetType = UNSET


class TagsRunFacet(Facet):
    """Labels of the run."""

    tags: list[Tag] | UnsetType = UNSET


class TestExecution(Part):
    """One test and what came of it."""

    __test__ = False  # pytest takes classes named Test… for its own.

    name: str
    status: str
    severity: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    expected: str | UnsetType = UNSET
    actual: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    content_type: str | UnsetType = UNSET
    params: dict[str, Any] | UnsetType = UNSET


class TestRunFacet(Facet):
    """The tests that the run made."""

    __test__ = False

    tests: list[TestExecution]
