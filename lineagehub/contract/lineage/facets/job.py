"""The facets of a job: `job.facets`."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from lineagehub.contract.lineage.facets.base import DeletableFacet, Owner, Part, Tag
from lineagehub.contract.lineage.facets.entities import LineageEntry
from lineagehub.contract.lineage.formats import PositiveInteger, Uri


class DocumentationJobFacet(DeletableFacet):
    """What the job is for."""

    description: str
    content_type: str | UnsetType = UNSET


class EmissionPattern(Part):
    """When the producer sends events, and whether each holds all or only what changed. `window_duration` in seconds."""

    event_trigger: str
    event_content_mode: str
    window_duration: PositiveInteger | UnsetType = UNSET


class JobTypeJobFacet(DeletableFacet):
    """What kind of job: batch or streaming, of which integration."""

    processing_type: str
    integration: str
    job_type: str | UnsetType = UNSET
    emission_pattern: EmissionPattern | UnsetType = UNSET


class LineageJobFacet(DeletableFacet):
    """What the job reads and writes, said outright."""

    entries: list[LineageEntry]


class OwnershipJobFacet(DeletableFacet):
    """Who answers for the job."""

    owners: list[Owner] | UnsetType = UNSET


class SQLJobFacet(DeletableFacet):
    """The SQL that the job runs."""

    query: str
    dialect: str | UnsetType = UNSET


class SourceCodeJobFacet(DeletableFacet):
    """The source of the job."""

    language: str
    source_code: str


class SourceCodeLocationJobFacet(DeletableFacet):
    """Where the source of the job stands."""

    type: str
    url: Uri
    repo_url: str | UnsetType = UNSET
    path: str | UnsetType = UNSET
    version: str | UnsetType = UNSET
    tag: str | UnsetType = UNSET
    branch: str | UnsetType = UNSET
    pull_request_number: str | UnsetType = UNSET


class TagsJobFacet(DeletableFacet):
    """Labels of the job."""

    tags: list[Tag] | UnsetType = UNSET
