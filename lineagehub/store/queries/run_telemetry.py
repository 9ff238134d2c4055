"""How a run leads to its telemetry: by the attribute `lineage.run_id`, which is the column RunId, and by the trace that its run facet
`lineagehub_trace` names (sdk/facets/)."""

from __future__ import annotations

from dataclasses import dataclass

from lineagehub.store.client import ClickHouse
from lineagehub.store.queries.paging import Conditions

MAXIMUM_TRACES = 100
"""Traces followed for one run; the events of a run that is one piece of work all name the same."""

_TRACES = f"""
SELECT count() AS Events, arraySort(groupUniqArrayIf({MAXIMUM_TRACES})(TraceId, match(TraceId, '^[0-9a-f]{{32}}$'))) AS Traces
FROM
(
    SELECT lower(JSONExtractString(Event, 'run', 'facets', 'lineagehub_trace', 'traceId')) AS TraceId
    FROM read_lineage_events(ns = {{ns:String}})
    WHERE (EventTime, EventId) IN
        (SELECT EventTime, EventId FROM read_lineage_run_events(ns = {{ns:String}}) WHERE RunId = {{run:String}})
)
"""  # noqa: S608 a constant
_VIEWS = (
    "read_traces",
    "read_logs",
    "read_metrics_gauge",
    "read_metrics_sum",
    "read_metrics_histogram",
    "read_metrics_exponential_histogram",
    "read_metrics_summary",
)
_CARRIED = " OR ".join(
    f"(SELECT count() FROM (SELECT 1 FROM {view}(ns = {{ns:String}}) WHERE RunId = {{run:String}} LIMIT 1)) > 0"  # noqa: S608 constants
    for view in _VIEWS
)


@dataclass(frozen=True, slots=True)
class RunReference:
    """A run id, lower case, the traces that the run's events name, and whether the namespace has events of it."""

    run_id: str
    trace_ids: tuple[str, ...]
    has_events: bool

    def restrict(self, conditions: Conditions) -> None:
        """Add that a span or log record is of the run."""
        if self.trace_ids:
            conditions.add(
                "(RunId = {run:String} OR TraceId IN {run_traces:Array(String)})",
                run=self.run_id,
                run_traces=self.trace_ids,
            )
        else:
            self.restrict_by_attribute(conditions)

    def restrict_by_attribute(self, conditions: Conditions) -> None:
        """Add that a metric point is of the run: it has no trace."""
        conditions.add("RunId = {run:String}", run=self.run_id)


async def find_run(clickhouse: ClickHouse, namespace: str, run_id: str) -> RunReference:
    """Return what leads to the telemetry of a run (a lower-case UUID), whether or not there is such a run."""
    rows = await clickhouse.select(_TRACES, {"ns": namespace, "run": run_id})
    return RunReference(run_id, tuple(rows[0]["Traces"]), rows[0]["Events"] > 0)


async def is_known(clickhouse: ClickHouse, namespace: str, run: RunReference) -> bool:
    """Tell whether the namespace has events of the run, or telemetry that carries its id."""
    if run.has_events:
        return True
    rows = await clickhouse.select(f"SELECT {_CARRIED} AS Carried", {"ns": namespace, "run": run.run_id})
    return bool(rows[0]["Carried"])
