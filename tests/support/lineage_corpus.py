"""The lineage events of the shared corpus, and what the hub must make of each: as its index says, but for the tables below."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.corpus import require_corpus

REFUSED_EDGES = {
    "bom": "invalid_unicode",
    "duplicate_keys": "duplicate_key",
    "empty_names": "schema_invalid",
    "lone_surrogate": "invalid_unicode",
    "nul_in_string": "schema_invalid",
    "time_future": "timestamp_out_of_range",
    "time_leapsec": "schema_invalid",
    "time_year0001": "timestamp_out_of_range",
    "time_year9999": "timestamp_out_of_range",
    "unicode_names": "schema_invalid",
    "uuid_nil": "schema_invalid",
}
"""Edge cases that the hub refuses, all but the byte order mark and the leap second although the schema takes them: their bytes mean
different things to different readers, their times fit no store, or their names name nothing or look like others."""

NO_JSON = {
    "body_bad_utf8": "invalid_unicode",
    "body_deep_nesting": "too_deep",
    "body_empty": "empty_body",
    "body_gzip_truncated": "bad_encoding",
    "body_gzip_without_header": "invalid_unicode",
    "body_utf16": "invalid_unicode",
}
"""Bodies that are no JSON for another reason than most, which are `invalid_json`."""

ENCODED = {"body_gzip_truncated"}
"""To be sent with Content-Encoding: gzip."""

GOOD_AS_DELETED = {"facet_deleted"}
"""Facets that the index calls invalid and that are fine: `_deleted: true` needs nothing else."""


RELATIVE_SOURCE = re.compile(r"facet dataset\.dataSource: \$\.uri '\w+' is not a 'uri'")
"""A fault of the index that is none to the hub: Spark and dbt name the sources `file` and `bigquery` so."""


@dataclass(frozen=True)
class LineageFile:
    """A line of the corpus' index. `core_is_valid` and `facets_are_valid` are the official schema's verdicts, formats asserted.

    But for RELATIVE_SOURCE.
    """

    path: Path
    kind: str
    core_is_valid: bool
    facets_are_valid: bool
    core_pointers: frozenset[str]

    @property
    def name(self) -> str:
        """Without its ending."""
        return self.path.stem

    @property
    def is_batch(self) -> bool:
        """Whether it is for /api/v1/lineage/batch."""
        return self.name.startswith("batch_")

    @property
    def headers(self) -> dict[str, str]:
        """The headers it is to be sent with."""
        return {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if self.name in ENCODED else {})

    @property
    def refusal(self) -> str | None:
        """The reason for which the hub must refuse it, None if it must take it."""
        if self.name in REFUSED_EDGES:
            return REFUSED_EDGES[self.name]
        if self.kind == "not-json":
            return NO_JSON.get(self.name, "invalid_json")
        return None if self.core_is_valid else "schema_invalid"

    @property
    def is_quarantined(self) -> bool:
        """Whether the hub must name a facet of it."""
        return not self.facets_are_valid and self.name not in GOOD_AS_DELETED


def lineage_files(*folders: str) -> list[LineageFile]:
    """Return the files of openlineage, openlineage-edge or openlineage-invalid, in the order of the index."""
    corpus = require_corpus()
    with (corpus / "INDEX.tsv").open() as index:
        rows = list(csv.DictReader(index, delimiter="\t"))
    return [_read(corpus, row) for row in rows if Path(row["file"]).parent.name in folders]


def accepted_events() -> list[bytes]:
    """Return the real events that the hub takes, as they are in their files."""
    return [file.path.read_bytes() for file in lineage_files("openlineage") if file.refusal is None]


def _read(corpus: Path, row: dict[str, str]) -> LineageFile:
    faults = (row["errors"] or "").rpartition(" || ")[2].split(" | ")
    pointers = {pointer for pointer in map(_pointer, faults) if pointer is not None}
    core = {pointer for pointer in pointers if not re.search(r"acets/", pointer)}
    is_valid = row["valid_spec(format asserted)"] == "yes"
    facets_are_valid = row["known_facets_valid"] == "yes" or all(map(RELATIVE_SOURCE.fullmatch, faults))
    return LineageFile(
        corpus / row["file"],
        row["kind"],
        # The schema of an event asks something of any facet, too: that alone is for the facet.
        is_valid or (bool(pointers) and not core),
        facets_are_valid and core == pointers,
        frozenset(core),
    )


def _pointer(fault: str) -> str | None:
    """Return the JSON pointer of "$.run: 'runId' is a required property" and its like, None for what is said of a known facet."""
    found = re.match(r"\$(\S*): (.*)", fault)
    if found is None:
        return None
    path = re.sub(r"\['(.*?)'\]|\[(\d+)\]", r".\1\2", found[1]).replace(".", "/")
    missing = re.match(r"'(\w+)' is a required property", found[2])
    return f"{path}/{missing[1]}" if missing else path
