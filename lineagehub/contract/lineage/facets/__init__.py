"""KNOWN_FACETS: every facet of the OpenLineage specification, by where it may stand and its name there.

Made after `spec/facets` of OpenLineage and the classes of openlineage-python 1.54, which a test compares with both; facets of the vendors'
registry are custom ones to this hub, as to that client. To add one: its type in the file of its place, and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from lineagehub.contract.lineage.facets import dataset, input_dataset, job, output_dataset, run
from lineagehub.contract.lineage.facets.base import DeletableFacet, Facet
from lineagehub.contract.lineage.facets.subsets import SubsetDatasetFacet


class Place(StrEnum):
    """What a facet describes: where in the event it stands."""

    RUN = "run"
    JOB = "job"
    DATASET = "dataset"
    INPUT = "input"
    OUTPUT = "output"


ANY_FACET: Mapping[Place, type[Facet]] = {
    Place.RUN: Facet,
    Place.JOB: DeletableFacet,
    Place.DATASET: DeletableFacet,
    Place.INPUT: Facet,
    Place.OUTPUT: Facet,
}
"""What a facet of any name must be at least."""

KNOWN_FACETS: Mapping[Place, Mapping[str, type[Facet]]] = {
    Place.RUN: {
        "environmentVariables": run.EnvironmentVariablesRunFacet,
        "errorMessage": run.ErrorMessageRunFacet,
        "executionParameters": run.ExecutionParametersRunFacet,
        "externalQuery": run.ExternalQueryRunFacet,
        "extractionError": run.ExtractionErrorRunFacet,
        "jobDependencies": run.JobDependenciesRunFacet,
        "nominalTime": run.NominalTimeRunFacet,
        "parent": run.ParentRunFacet,
        "processing_engine": run.ProcessingEngineRunFacet,
        "tags": run.TagsRunFacet,
        "test": run.TestRunFacet,
    },
    Place.JOB: {
        "documentation": job.DocumentationJobFacet,
        "jobType": job.JobTypeJobFacet,
        "lineage": job.LineageJobFacet,
        "ownership": job.OwnershipJobFacet,
        "sourceCode": job.SourceCodeJobFacet,
        "sourceCodeLocation": job.SourceCodeLocationJobFacet,
        "sql": job.SQLJobFacet,
        "tags": job.TagsJobFacet,
    },
    Place.DATASET: {
        "catalog": dataset.CatalogDatasetFacet,
        "columnLineage": dataset.ColumnLineageDatasetFacet,
        "dataQualityMetrics": dataset.DataQualityMetricsDatasetFacet,
        "dataSource": dataset.DatasourceDatasetFacet,
        "datasetType": dataset.DatasetTypeDatasetFacet,
        "documentation": dataset.DocumentationDatasetFacet,
        "hierarchy": dataset.HierarchyDatasetFacet,
        "lifecycleStateChange": dataset.LifecycleStateChangeDatasetFacet,
        "lineage": dataset.LineageDatasetFacet,
        "ownership": dataset.OwnershipDatasetFacet,
        "schema": dataset.SchemaDatasetFacet,
        "storage": dataset.StorageDatasetFacet,
        "symlinks": dataset.SymlinksDatasetFacet,
        "tags": dataset.TagsDatasetFacet,
        "version": dataset.DatasetVersionDatasetFacet,
    },
    Place.INPUT: {
        "dataQualityAssertions": input_dataset.DataQualityAssertionsDatasetFacet,
        "dataQualityMetrics": input_dataset.DataQualityMetricsInputDatasetFacet,
        "inputStatistics": input_dataset.InputStatisticsInputDatasetFacet,
        "subset": SubsetDatasetFacet,
    },
    Place.OUTPUT: {
        "outputStatistics": output_dataset.OutputStatisticsOutputDatasetFacet,
        "subset": SubsetDatasetFacet,
    },
}
