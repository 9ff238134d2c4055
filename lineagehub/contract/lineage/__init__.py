"""OpenLineage: what an event must be (events), what its facets must be (facets), and the faults of those that are not.

Our own msgspec types, with the names and rules of the specification; a test compares the verdict with the official schema. Used by the
web before it produces and by the agents; the bytes of an event are passed on untouched.
"""

from __future__ import annotations

from lineagehub.contract.lineage.events import DatasetEvent, JobEvent, LineageEvent, RunEvent, kind_of
from lineagehub.contract.lineage.facets import KNOWN_FACETS, Place
from lineagehub.contract.lineage.faults import Fault
from lineagehub.contract.lineage.identity import content_id
from lineagehub.contract.lineage.quarantine import find_quarantined_facets
from lineagehub.contract.lineage.validation import find_faults, parse_event_time

__all__ = [
    "KNOWN_FACETS",
    "DatasetEvent",
    "Fault",
    "JobEvent",
    "LineageEvent",
    "Place",
    "RunEvent",
    "content_id",
    "find_faults",
    "find_quarantined_facets",
    "kind_of",
    "parse_event_time",
]
