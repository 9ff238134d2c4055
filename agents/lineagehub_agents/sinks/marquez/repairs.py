"""What is mended in an event, and what is refused, because Marquez would choke on it, break for everybody, or lose it. Pure.

Called by events.py with a decoded, valid OpenLineage event, bound to its tenant; it is changed in place. Every kind of repair is
counted, and listed in deploy/marquez.md. Facts: marquez.md, measured on Marquez 0.51.1; "read" marks what was read in its source.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from lineagehub.contract.lineage import parse_event_time
from lineagehub.contract.reasons import Reason
from lineagehub.errors import Permanent

LONGEST_NAMESPACE = 1_024
LONGEST_COLUMN = 255
LONGEST_INDEXED_BYTES = 2_600
"""Namespace and name stand in one PostgreSQL index, whose entries have 2,704 bytes at most."""

_ILLEGAL = re.compile(r"[^a-zA-Z:;=/0-9_\-.@+]")
_is_java_uri = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9\-._~:/?#@!$&'()*+,;=]|%[0-9A-Fa-f]{2}){1,2000}"
).fullmatch

Object = dict[str, Any]


class Repair(StrEnum):
    """A kind of repair; the label of its metric."""

    NUL = "nul"
    EVENT_TYPE = "event_type"
    SCHEMA_URL = "schema_url"
    NAMESPACE = "namespace"
    NULL_DATASET = "null_dataset"
    NULL_FACET = "null_facet"
    FACET_PRODUCER = "facet_producer"
    COLUMN = "column"
    DATA_SOURCE = "data_source"
    SYMLINK = "symlink"
    NOMINAL_TIME = "nominal_time"
    PARENT = "parent"
    LATE = "late"


Repairs = Counter[Repair]


def refuse_unfit(event: Object) -> None:
    """Raise Permanent(MARQUEZ_UNFIT) for what no repair can save: no name, a name too long for its index, no time."""
    try:
        parse_event_time(event["eventTime"])
    except (ValueError, OverflowError) as error:
        raise _unfit(f"the eventTime {event['eventTime'][:100]!r} {error}") from error
    for named in (*_jobs(event), *_datasets(event)):
        namespace, name = named["namespace"], named["name"]
        if not namespace.strip() or not name.strip():
            raise _unfit("a name or namespace is empty")
        if len(namespace) > LONGEST_NAMESPACE:
            raise _unfit(f"the namespace {namespace[:100]!r}… has more than {LONGEST_NAMESPACE} characters")
        if len(namespace.encode()) + len(name.encode()) > LONGEST_INDEXED_BYTES:
            raise _unfit(f"the name {name[:100]!r}… has, with its namespace, more than {LONGEST_INDEXED_BYTES} bytes")


def mend(event: Object, repairs: Repairs) -> None:
    """Mend what can be mended and count it."""
    _mend_kind(event, repairs)
    _drop_null_datasets(event, repairs)
    for facets in _facet_holders(event):
        _drop_null_facets(facets, repairs)
    _mend_parent(event, repairs)
    _mend_nominal_time(event, repairs)
    for dataset in _datasets(event):
        _mend_columns(dataset, repairs)
        _mend_data_source(dataset, repairs)
        _mend_symlinks(dataset, repairs)
    _mend_namespaces(event, repairs)
    _mend_typed_facets(event, repairs)


def without_nul(value: Any) -> Any:
    """Return JSON with U+FFFD for each U+0000, which PostgreSQL's text cannot hold: HTML 500, for ever."""
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, list):
        return [without_nul(item) for item in value]
    if isinstance(value, dict):
        return {without_nul(name): without_nul(item) for name, item in value.items()}
    return value


def _mend_kind(event: Object, repairs: Repairs) -> None:
    """A run event with facets needs an eventType (else 500). Kinds are told by the schemaURL's end alone (else 422, or misread)."""
    if "run" in event:
        if not event.get("eventType"):
            event["eventType"] = "OTHER"
            repairs[Repair.EVENT_TYPE] += 1
        kind, is_right = "RunEvent", not event["schemaURL"].endswith(("/JobEvent", "/DatasetEvent"))
    else:
        kind = "JobEvent" if "job" in event else "DatasetEvent"
        is_right = event["schemaURL"].endswith(f"/{kind}")
    if not is_right:
        event["schemaURL"] = f"{event['schemaURL'].partition('#')[0]}#/$defs/{kind}"
        repairs[Repair.SCHEMA_URL] += 1


def _drop_null_datasets(event: Object, repairs: Repairs) -> None:
    for side in ("inputs", "outputs"):
        datasets = event.get(side)
        if isinstance(datasets, list) and None in datasets:
            event[side] = [dataset for dataset in datasets if dataset is not None]
            repairs[Repair.NULL_DATASET] += 1


def _drop_null_facets(facets: Object, repairs: Repairs) -> None:
    for name in [name for name, facet in facets.items() if facet is None]:
        del facets[name]
        repairs[Repair.NULL_FACET] += 1


def _mend_parent(event: Object, repairs: Repairs) -> None:
    """A parent without run or job is a 422; one without a name becomes a nameless job, which breaks the list of jobs (read)."""
    _drop_facet(_member(event.get("run"), "facets"), "parent", _is_parent, Repair.PARENT, repairs)


def _is_parent(facet: Any) -> bool:
    run, job = _member(facet, "run"), _member(facet, "job")
    texts = (_member(run, "runId"), _member(job, "namespace"), _member(job, "name"))
    return all(isinstance(text, str) and text.strip() for text in texts) and _is_indexable(texts[1], texts[2])


def _mend_nominal_time(event: Object, repairs: Repairs) -> None:
    _drop_facet(_member(event.get("run"), "facets"), "nominalTime", _is_nominal_time, Repair.NOMINAL_TIME, repairs)


def _is_nominal_time(facet: Any) -> bool:
    start, end = _member(facet, "nominalStartTime"), _member(facet, "nominalEndTime")
    return _is_time(start) and (end is None or _is_time(end))


def _is_time(text: Any) -> bool:
    try:
        return isinstance(text, str) and parse_event_time(text) is not None
    except (ValueError, OverflowError):
        return False


def _mend_columns(dataset: Object, repairs: Repairs) -> None:
    """A column name has 255 characters at most (else HTML 500), and is there (else 422)."""
    _keep_only(_is_column, _member(dataset.get("facets"), "schema"), "fields", Repair.COLUMN, repairs)


def _is_column(field: Any) -> bool:
    name = _member(field, "name")
    return isinstance(name, str) and len(name) <= LONGEST_COLUMN


def _mend_data_source(dataset: Object, repairs: Repairs) -> None:
    """Marquez takes the facet's uri for a java.net.URI and its name for an index's key (else HTML 500)."""
    _drop_facet(dataset.get("facets"), "dataSource", _is_data_source, Repair.DATA_SOURCE, repairs)


def _is_data_source(facet: Any) -> bool:
    name, uri = _member(facet, "name"), _member(facet, "uri")
    return isinstance(name, str) and name.strip() != "" and _is_indexable(name) and _is_uri(uri)


def _is_uri(uri: Any) -> bool:
    return isinstance(uri, str) and _is_java_uri(uri) is not None


def _keep_only(is_fit: Callable[[Any], bool], facet: Any, name: str, repair: Repair, repairs: Repairs) -> None:
    """Leave out of a facet's list `name` what does not fit, and count it."""
    items = _member(facet, name)
    if not isinstance(items, list):
        return
    kept = [item for item in items if is_fit(item)]
    if len(kept) < len(items):
        repairs[repair] += len(items) - len(kept)
        facet[name] = kept


def _mend_symlinks(dataset: Object, repairs: Repairs) -> None:
    """An identifier's namespace is stored as it is, like an output's (read): what is illegal there poisons Marquez, too."""
    _keep_only(_is_identifier, _member(dataset.get("facets"), "symlinks"), "identifiers", Repair.SYMLINK, repairs)


def _is_identifier(identifier: Any) -> bool:
    namespace, name = _member(identifier, "namespace"), _member(identifier, "name")
    is_named = all(isinstance(text, str) and text.strip() for text in (namespace, name))
    return is_named and len(namespace) <= LONGEST_NAMESPACE and _is_indexable(namespace, name)


def _mend_namespaces(event: Object, repairs: Repairs) -> None:
    """Illegal characters become `_`, as Marquez itself does with job namespaces; as they are it could store but not read them."""
    identifiers = (
        identifier
        for dataset in _datasets(event)
        for identifier in _member(_member(dataset.get("facets"), "symlinks"), "identifiers") or ()
    )
    for named in (*_jobs(event), *_ancestors(event), *_datasets(event), *identifiers):
        legal = _ILLEGAL.sub("_", named["namespace"])
        if legal != named["namespace"]:
            named["namespace"] = legal
            repairs[Repair.NAMESPACE] += 1


_TYPED_RUN_FACETS = ("nominalTime", "parent")
_TYPED_JOB_FACETS = ("documentation", "sourceCodeLocation", "sql", "jobType")
_TYPED_DATASET_FACETS = ("documentation", "schema", "lifecycleStateChange", "dataSource", "columnLineage", "symlinks")


def _mend_typed_facets(event: Object, repairs: Repairs) -> None:
    """A facet that Marquez knows needs its `_producer` and `_schemaURL` (else 422): they become the event's own."""
    holders = [(event.get("run"), _TYPED_RUN_FACETS), (event.get("job"), _TYPED_JOB_FACETS)]
    holders += [(dataset, _TYPED_DATASET_FACETS) for dataset in _datasets(event)]
    for holder, names in holders:
        facets = _member(holder, "facets")
        for facet in (_member(facets, name) for name in names):
            if isinstance(facet, dict) and not (facet.get("_producer") and facet.get("_schemaURL")):
                facet["_producer"] = facet.get("_producer") or event["producer"]
                facet["_schemaURL"] = facet.get("_schemaURL") or event["schemaURL"]
                repairs[Repair.FACET_PRODUCER] += 1


def _drop_facet(facets: Any, name: str, is_fit: Callable[[Any], bool], repair: Repair, repairs: Repairs) -> None:
    if isinstance(facets, dict) and name in facets and not is_fit(facets[name]):
        del facets[name]
        repairs[repair] += 1


def _is_indexable(*texts: str) -> bool:
    return sum(len(text.encode()) for text in texts) <= LONGEST_INDEXED_BYTES


def _facet_holders(event: Object) -> Iterator[Object]:
    for named in (event.get("run"), event.get("job"), *_datasets(event)):
        for member in ("facets", "inputFacets", "outputFacets"):
            facets = _member(named, member)
            if isinstance(facets, dict):
                yield facets


def _jobs(event: Object) -> list[Object]:
    return [event["job"]] if "job" in event else []


def _ancestors(event: Object) -> Iterator[Object]:
    parent = _member(_member(event.get("run"), "facets"), "parent")
    for job in (_member(parent, "job"), _member(_member(parent, "root"), "job")):
        if isinstance(_member(job, "namespace"), str):
            yield job


def _datasets(event: Object) -> list[Object]:
    sides = [*(event.get("inputs") or ()), *(event.get("outputs") or ()), event.get("dataset")]
    return [dataset for dataset in sides if dataset is not None]


def _member(container: Any, name: str) -> Any:
    return container.get(name) if isinstance(container, dict) else None


def _unfit(what: str) -> Permanent:
    return Permanent(Reason.MARQUEZ_UNFIT, f"It is not sent to Marquez: {what}.")
