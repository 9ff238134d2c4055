"""What a benchmark gives: its measurements, summarised by median and spread, with the machine and its load beside them."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One round of one case. `items` were counted at both ends and found equal."""

    case: str
    items: int
    values: dict[str, float]


def report(name: str, parameters: Any, measurements: Sequence[Measurement], began: float) -> dict[str, Any]:
    """Return the whole result as plain data: parameters, machine, summary by case, and every round."""
    cases = list(dict.fromkeys(measurement.case for measurement in measurements))
    return {
        "benchmark": name,
        "parameters": asdict(parameters),
        "date": time.strftime("%Y-%m-%d"),
        "machine": {
            "cores": os.cpu_count(),
            "cpu": _cpu_model(),
            "python": platform.python_version(),
            "load_after": [round(load, 2) for load in os.getloadavg()],
            "minutes": round((time.time() - began) / 60, 1),
        },
        "summary": {case: _summary([m for m in measurements if m.case == case]) for case in cases},
        "rounds": [asdict(measurement) for measurement in measurements],
    }


def write(result: dict[str, Any], suffix: str) -> Path:
    """Write a result to results/NAME-SUFFIX.json, over an earlier one; return the path."""
    path = RESULTS / f"{result['benchmark']}-{suffix}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def table(result: dict[str, Any]) -> str:
    """Return the summary as a Markdown table: median (least to most)."""
    summary = result["summary"]
    names = list(dict.fromkeys(name for values in summary.values() for name in values))
    lines = ["| case | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for case, values in summary.items():
        lines.append(f"| {case} | " + " | ".join(_cell(values.get(name)) for name in names) + " |")
    return "\n".join(lines)


def _summary(measurements: Sequence[Measurement]) -> dict[str, dict[str, float]]:
    return {
        name: {
            "median": statistics.median(values := [measurement.values[name] for measurement in measurements]),
            "least": min(values),
            "most": max(values),
        }
        for name in measurements[0].values
    }


def _cell(value: dict[str, float] | None) -> str:
    if value is None:
        return ""
    return f"{_number(value['median'])} ({_number(value['least'])}-{_number(value['most'])})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
