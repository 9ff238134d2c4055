"""`python -m tests.bench NAME [--json]`: run one benchmark, print its table or its JSON, keep the result."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

from tests.bench import (
    isolation,
    lineage_graph,
    lineage_store,
    results,
    sdk_call,
    sdk_kinds,
    telemetry_store,
    usage_recovery,
    verification,
    web_otlp,
)
from tests.bench.stack import BROKERS

BENCHMARKS: dict[str, ModuleType] = {
    "web_otlp": web_otlp,
    "telemetry_store": telemetry_store,
    "lineage_store": lineage_store,
    "lineage_graph": lineage_graph,
    "verification": verification,
    "isolation": isolation,
    "usage_recovery": usage_recovery,
    "sdk_call": sdk_call,
    "sdk_kinds": sdk_kinds,
}


def main() -> None:
    """Read the command line, measure, report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("--broker", choices=BROKERS, help="Apache Kafka from Maven (the default), or the embedded one.")
    parser.add_argument("--rounds", type=int, help="Rounds of each case.")
    parser.add_argument("--seconds", type=float, help="web_otlp, isolation: how long the load of one round lasts.")
    parser.add_argument("--rate", type=float, help="isolation: events a second of the quiet tenant.")
    parser.add_argument("--times", type=float, help="isolation: so much more the loud tenant sends.")
    parser.add_argument("--spans", type=int, help="telemetry_store: spans of one round.")
    parser.add_argument("--events", type=int, help="lineage_store: events of one round.")
    parser.add_argument(
        "--sizes", type=_sizes, help="Spans a request or record (verification: bytes a record), separated by commas."
    )
    parser.add_argument("--requests", type=int, help="lineage_graph: reads of one round and case.")
    parser.add_argument("--runs", type=_sizes, help="lineage_graph: runs a job, separated by commas.")
    parser.add_argument("--namespaces", type=int, help="usage_recovery: namespaces, each with a total a day.")
    parser.add_argument("--days", type=_sizes, help="usage_recovery: days of totals, separated by commas.")
    parser.add_argument("--records", type=int, help="verification: records of one round.")
    parser.add_argument("--calls", type=int, help="sdk_call, sdk_kinds: decorated calls of one round.")
    parser.add_argument("--pipeline-calls", type=int, help="sdk_call: calls of the whole pipeline.")
    parser.add_argument("--json", action="store_true", help="Print the whole result as JSON.")
    parser.add_argument("--keep", action="store_true", help="Write the result to tests/bench/results/.")
    asked = parser.parse_args()
    benchmark = BENCHMARKS[asked.name]
    fields = {field.name for field in dataclasses.fields(benchmark.Parameters)}
    given = {name: value for name, value in vars(asked).items() if name in fields and value is not None}
    parameters = benchmark.Parameters(**given)
    began = time.time()
    with tempfile.TemporaryDirectory(prefix="lineagehub-bench-") as directory:
        measurements = benchmark.measure(parameters, Path(directory))
    result = results.report(asked.name, parameters, measurements, began)
    print(json.dumps(result, indent=1) if asked.json else results.table(result))
    if asked.keep:
        print(f"Kept as {results.write(result, parameters.broker)}.", file=sys.stderr)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


if __name__ == "__main__":
    main()
