"""Tracked functions go to other processes: nothing of the client is in them."""

from __future__ import annotations

import importlib.util
import multiprocessing
import pickle
import subprocess
import sys
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._lineage import tracking

from tests.support.hub import clean_environment


@sdk.telemetry_track
@sdk.lineage_track(
    "pickled", inputs="s3://raw/orders", tags={"team": "shop"}, outputs=lambda arguments, result: f"s3://out/{result}"
)
def tracked(number: int) -> int:
    """At the top of a module, so that it can be pickled by name."""
    return number + 1


def test_a_tracked_function_runs_in_a_spawned_process() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(tracked, [1, 2]) == [2, 3]


def test_what_a_wrapper_holds_is_plain_data_that_can_be_pickled_by_value() -> None:
    plan = tracking.plan_of(sdk.lineage_track("job", inputs="s3://raw/orders", tags={"a": "b"})(_plain))
    assert plan is not None
    copy = pickle.loads(pickle.dumps(plan))
    assert (copy.job.name, copy.job.inputs, copy.function) == ("job", plan.job and plan.job.inputs, _plain)


@pytest.mark.skipif(importlib.util.find_spec("cloudpickle") is None, reason="cloudpickle is not installed")
@pytest.mark.parametrize("kind", ["def", "async def", "generator"])
def test_a_function_of_a_script_goes_by_value_as_spark_and_dask_send_it(kind: str) -> None:
    code = f"""
import sys, cloudpickle, lineagehub_sdk as sdk
factor = 3
@sdk.telemetry_track("span")
@sdk.lineage_track("job", inputs=lambda arguments: f"s3://raw/{{arguments['number']}}", tags={{"a": "b"}})
{"async def" if kind == "async def" else "def"} work(number):
    {"yield" if kind == "generator" else "return"} number * factor
work(1)
sys.stdout.buffer.write(cloudpickle.dumps(work))
"""
    environment = clean_environment() | {"LINEAGEHUB_TRANSPORT": "none"}
    pickled = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, capture_output=True, timeout=60
    )
    assert pickled.returncode == 0, pickled.stderr
    work: Any = pickle.loads(pickled.stdout)
    made = work(2)
    if kind == "generator":
        assert list(made) == [6]
    elif kind == "async def":
        with pytest.raises(StopIteration) as end:
            made.send(None)
        assert end.value.value == 6
    else:
        assert made == 6


def _plain(number: int) -> int:
    return number
