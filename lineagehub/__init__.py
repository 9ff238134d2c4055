"""LineageHub: a central, multi-tenant hub for data-pipeline observability. This module holds the version and nothing else."""

__version__ = "0.1.0"
