"""The shared corpus of real events and payloads, beside the repository; tests that need it skip where it is absent."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "corpus"


def require_corpus() -> Path:
    """Return the corpus' folder; skip the test where it is absent (never in CI, where it belongs)."""
    if not SHARED.is_dir():
        reason = "the shared corpus is not beside this checkout (../shared/corpus)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return SHARED


def valid_lineage_events() -> list[Path]:
    """Return the files of all events that the official schema accepts, formats asserted."""
    corpus = require_corpus()
    with (corpus / "INDEX.tsv").open() as index:
        rows = list(csv.DictReader(index, delimiter="\t"))
    return [
        corpus / row["file"]
        for row in rows
        if row["file"].startswith("openlineage/") and row["valid_spec(format asserted)"] == "yes"
    ]


def otlp_payloads(kind: str) -> list[tuple[Path, str, Path]]:
    """Return (payload, encoding, decoded) of every traces, metrics or logs request; decoded: what the real collector made of it."""
    corpus = require_corpus()
    with (corpus / "otlp" / "INDEX.tsv").open() as index:
        rows = list(csv.DictReader(index, delimiter="\t"))
    names = [(Path(row["file"]).name, row["encoding"]) for row in rows if row["kind"] == kind]
    return [(corpus / "otlp" / name, encoding, corpus / "otlp-decoded" / f"{name}.pb") for name, encoding in names]


def lineage_run_groups() -> dict[str, list[Path]]:
    """Return the valid events' files by group: the events that tell of one run or of runs of one job, in their order."""
    corpus = require_corpus()
    with (corpus / "INDEX.tsv").open() as index:
        rows = [
            row
            for row in csv.DictReader(index, delimiter="\t")
            if row["file"].startswith("openlineage/") and row["valid_spec(format asserted)"] == "yes"
        ]
    groups: dict[str, list[Path]] = {}
    for row in sorted(rows, key=lambda row: (row["group"], int(row["seq"]))):
        groups.setdefault(row["group"], []).append(corpus / row["file"])
    return groups
