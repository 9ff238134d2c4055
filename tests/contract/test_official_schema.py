"""Our verdict is that of the official OpenLineage schema: on every event of the corpus and on 5,000 mutants of them.

Where we differ, a table below says where and why; a difference that it does not name fails, and so does a line that names none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jsonschema_rs
import orjson
import pytest

from lineagehub.contract.lineage import KNOWN_FACETS, Fault, find_faults, find_quarantined_facets
from lineagehub.contract.lineage.formats import RFC_3339, URI, URI_REFERENCE, UUID
from tests.support.corpus import require_corpus
from tests.support.lineage_corpus import lineage_files
from tests.support.mutations import TIMES, URIS, UUIDS, mutants
from tests.support.openlineage_schema import OfficialSchema

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MUTANTS = 5_000
SEED = 2_0_2
LARGE_BYTES = 20_000
"""Files beyond it are judged, but not mutated: they would only take time."""


@dataclass(frozen=True)
class Difference:
    """Where we differ from the schema: `found` matches "pointer detail" of our fault, or the pointer where we find none."""

    found: str
    why: str


STRICTER_CORE = (
    Difference(
        r"/name(space)? must be a text",
        "A name is never empty (a dataset's namespace may be), holds no control or direction-changing character and has at most 8,192: "
        "it is shown, and it is a key.",
    ),
    Difference(
        r"^/eventTime is ",
        "An event lies between 1970 and ten minutes from now: ClickHouse clamps other times silently, and one future event wins for ever.",
    ),
    Difference(
        r"^/eventTime must be an RFC 3339",
        "Leap seconds and more than nine digits of a second fit neither Python's nor ClickHouse's times.",
    ),
    Difference(r"^/run/runId must not be the nil UUID", "A producer that sends it gives all of its runs one id."),
    Difference(
        r"^ has `job` and `dataset` but no `run`",
        "The schema takes such an event as that of the two which happens to be valid; nobody can tell which was meant.",
    ),
)
STRICTER_FACETS = (
    Difference(r"must be an RFC 3339", "As with eventTime: leap seconds and more than nine digits of a second."),
)
LOOSER_FACETS = (
    Difference(
        r"/facets/dataSource$",
        "Its `uri` may be relative: Spark and dbt say `file` and `bigquery`, and without the facet their sources have no name.",
    ),
)
DELETED = "A job or dataset facet with `_deleted: true` takes back what was said and needs nothing else; only the core's schema says so."
BASE = {
    "eventTime": "2026-11-24T10:00:00Z",
    "producer": "https://example.com",
    "schemaURL": "https://example.com/event.json",
}
FACET = {"_producer": "https://example.com", "_schemaURL": "https://example.com/facet.json"}
LATE = {**FACET, "nominalStartTime": "2016-12-31T23:59:60Z"}
RARE: tuple[Any, ...] = (
    {**BASE, "job": {"namespace": "n", "name": "j"}, "dataset": "d"},
    {
        **BASE,
        "run": {"runId": "01941f29-7c00-7087-8940-40e5d549bbd4", "facets": {"nominalTime": LATE}},
        "job": {
            "namespace": "n",
            "name": "j",
            "facets": {"sql": {**FACET, "_deleted": True}, "x": {**FACET, "_deleted": 1}},
        },
    },
    {
        **BASE,
        "dataset": {"namespace": "file", "name": "/tmp/orders", "facets": {"dataSource": {**FACET, "uri": "file"}}},
    },
)
"""Events that chance makes too seldom."""

FORMATS = {
    "date-time": (RFC_3339, TIMES, {"2016-12-31T23:59:60Z", "2025-01-01T00:00:00.1234567891Z"}),
    "uri": (URI, URIS, set[str]()),
    "uri-reference": (URI_REFERENCE, (*URIS, "", "file", "a/b:c", "?a:b", "a b"), set[str]()),
    "uuid": (UUID, UUIDS, set[str]()),
}


class Comparison:
    """Compares both verdicts, event by event; counts how often each difference explains one."""

    def __init__(self, schema: OfficialSchema) -> None:
        self._schema = schema
        self.explained: Counter[str] = Counter()
        self.unexplained: list[str] = []
        self.verdicts: Counter[tuple[str, bool]] = Counter()

    def compare(self, event: Any, name: str) -> None:
        faults = find_faults(event, NOW)
        is_valid = self._schema.is_valid_core(event)
        self.verdicts["core", is_valid] += 1
        if is_valid:
            self._explain(faults, STRICTER_CORE, name)
        elif not faults:
            self.unexplained.append(f"{name}: the schema refuses it, we do not: {event}")
        self._compare_facets(event, name)

    def _compare_facets(self, event: Any, name: str) -> None:
        bad = self._schema.bad_facets(event)
        quarantined = {fault.pointer: fault for fault in find_quarantined_facets(event)}
        self.verdicts["facets", not bad] += 1
        self._explain([quarantined[pointer] for pointer in quarantined.keys() - bad], STRICTER_FACETS, name)
        for pointer in bad.keys() - quarantined:
            if isinstance(bad[pointer], dict) and bad[pointer].get("_deleted") is True:
                self.explained[DELETED] += 1
            elif looser := [difference.why for difference in LOOSER_FACETS if re.search(difference.found, pointer)]:
                self.explained.update(looser)
            else:
                self.unexplained.append(f"{name}: the schema refuses {pointer}, we do not: {bad[pointer]}")

    def _explain(self, faults: list[Fault], table: tuple[Difference, ...], name: str) -> None:
        for fault in faults:
            text = f"{fault.pointer} {fault.detail}"
            differences = [difference for difference in table if re.search(difference.found, text)]
            self.explained.update(difference.why for difference in differences)
            if not differences:
                self.unexplained.append(f"{name}: we refuse it, the schema does not: {text}")


@pytest.fixture(scope="module")
def schema() -> OfficialSchema:
    """The schemas of the corpus."""
    return OfficialSchema(require_corpus() / "openlineage-spec")


def test_the_known_facets_are_those_of_the_specification_at_their_places(schema: OfficialSchema) -> None:
    assert {(place.value, name) for place, facets in KNOWN_FACETS.items() for name in facets} == schema.known_facets
    assert len(schema.known_facets) == 40


def test_the_whole_corpus_gets_the_schemas_verdict(schema: OfficialSchema) -> None:
    comparison = Comparison(schema)
    for name, event in events("openlineage", "openlineage-edge", "openlineage-invalid"):
        comparison.compare(event, name)
    assert not comparison.unexplained, comparison.unexplained[:5]
    assert min(comparison.verdicts.values()) > 20, "both verdicts occur"


def test_five_thousand_mutants_get_the_schemas_verdict(schema: OfficialSchema) -> None:
    comparison = Comparison(schema)
    originals = [event for _, event in events("openlineage", "openlineage-edge", maximum_bytes=LARGE_BYTES)]
    for number, mutant in enumerate((*RARE, *originals, *mutants(originals, MUTANTS, SEED))):
        comparison.compare(mutant, f"mutant {number}")
    assert not comparison.unexplained, comparison.unexplained[:5]
    assert min(comparison.verdicts.values()) > MUTANTS / 10, "both verdicts occur often"
    reasons = {difference.why for difference in (*STRICTER_CORE, *STRICTER_FACETS, *LOOSER_FACETS)} | {DELETED}
    assert comparison.explained.keys() == reasons, "each line of the tables names a difference that occurs"


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_what_the_schemas_judge_takes_for_it(name: str) -> None:
    pattern, texts, refused_by_us = FORMATS[name]
    judge = jsonschema_rs.Draft202012Validator({"type": "string", "format": name}, validate_formats=True)
    taken = {text for text in texts if judge.is_valid(text)}
    assert {text for text in texts if re.search(pattern, text)} == taken - refused_by_us
    assert refused_by_us <= taken
    assert taken
    assert taken < set(texts)


def events(*folders: str, maximum_bytes: int = 10_000_000) -> Iterator[tuple[str, Any]]:
    """Yield the JSON documents of the corpus by their names; what is no JSON is for the web's tests."""
    for file in lineage_files(*folders):
        if file.path.stat().st_size > maximum_bytes:
            continue
        try:
            yield file.name, orjson.loads(file.path.read_bytes())
        except orjson.JSONDecodeError:
            continue
