"""What a run says of its datasets: computed from the call, with rows, bytes, columns and where they come from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from typing import Any

import lineagehub_sdk as sdk
import pytest

Events = list[dict[str, Any]]


def _names(datasets: list[dict[str, Any]]) -> list[str]:
    return [f"{dataset['namespace']}/{dataset['name']}" for dataset in datasets]


def test_datasets_are_computed_from_arguments_and_result(memory: Events) -> None:
    @sdk.lineage_track(
        "job",
        inputs=lambda arguments: [f"s3://raw/{arguments['day']}/{arguments['part']}"],
        outputs=lambda arguments, result: f"s3://out/{arguments['day']}/{result}",
    )
    def load(day: str, *, part: int = 3) -> int:
        return 7

    assert load("monday") == 7
    assert sdk.flush(10)
    start, complete = memory
    assert (_names(start["inputs"]), _names(start["outputs"])) == (["s3://raw/monday/3"], [])
    assert (_names(complete["inputs"]), _names(complete["outputs"])) == (["s3://raw/monday/3"], ["s3://out/monday/7"])


def test_datasets_are_computed_for_async_functions_generators_and_methods(memory: Events) -> None:
    def outputs(arguments: dict[str, Any], result: Any) -> str:
        return f"s3://out/{arguments['day']}-{result}"

    class Pipeline:
        root = "s3://raw"

        @sdk.lineage_track("method", inputs=lambda arguments: f"{arguments['self'].root}/{arguments['day']}")
        def load(self, day: str) -> None: ...

    @sdk.lineage_track("async", outputs=outputs)
    async def load(day: str) -> int:
        return 1

    @sdk.lineage_track("generator", outputs=outputs)
    def generate(day: str) -> Generator[int, None, str]:
        yield 1
        return "end"

    @sdk.lineage_track("async generator", outputs=outputs)
    async def generate_async(day: str) -> AsyncGenerator[int, None]:
        yield 1

    async def main() -> None:
        await load("a")
        assert [item async for item in generate_async("c")] == [1]

    Pipeline().load("m")
    list(generate("b"))
    asyncio.run(main())
    assert sdk.flush(10)
    complete = {event["job"]["name"]: event for event in memory if event["eventType"] == "COMPLETE"}
    assert _names(complete["method"]["inputs"]) == ["s3://raw/m"]
    assert _names(complete["async"]["outputs"]) == ["s3://out/a-1"]
    assert _names(complete["generator"]["outputs"]) == ["s3://out/b-end"]
    assert _names(complete["async generator"]["outputs"]) == ["s3://out/c-None"]


def _plain(a: int, b: int = 2, *, c: int = 3) -> None: ...


def _positional(a: int, /, b: int = 2) -> None: ...


def _variadic(a: int, *rest: int, **others: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "expected"),
    [
        (_plain, (1,), {}, {"a": 1, "b": 2, "c": 3}),
        (_plain, (1, 5), {"c": 6}, {"a": 1, "b": 5, "c": 6}),
        (_plain, (), {"b": 5, "a": 1}, {"a": 1, "b": 5, "c": 3}),
        (_positional, (1,), {"b": 5}, {"a": 1, "b": 5}),
        (_variadic, (1, 2, 3), {"x": 4}, {"a": 1, "rest": (2, 3), "others": {"x": 4}}),
    ],
)
def test_arguments_are_by_name_with_defaults(function: Any, args: Any, kwargs: Any, expected: Any) -> None:
    seen: list[dict[str, Any]] = []
    sdk.lineage_track("job", inputs=lambda arguments: seen.append(arguments))(function)(*args, **kwargs)
    assert seen == [expected]


def test_outputs_are_not_computed_for_a_run_that_failed(memory: Events) -> None:
    computed: list[str] = []

    @sdk.lineage_track("job", outputs=lambda arguments, result: computed.append("called"))
    def fail() -> None:
        raise KeyError("missing")

    with pytest.raises(KeyError):
        fail()
    assert sdk.flush(10)
    assert [event["eventType"] for event in memory] == ["START", "FAIL"]
    assert computed == []


def test_a_computation_that_fails_costs_no_more_than_its_datasets(memory: Events) -> None:
    def broken(*given: Any) -> str:
        raise RuntimeError("no idea")

    @sdk.lineage_track("job", inputs=broken, outputs=broken)
    def work() -> int:
        return 7

    assert work() == 7
    assert sdk.flush(10)
    assert [event["eventType"] for event in memory] == ["START", "COMPLETE"]


def test_rows_bytes_columns_and_where_they_come_from(memory: Events) -> None:
    frame = pytest.importorskip("pandas").DataFrame({"amount": [1.5], "shop": ["x"]})
    with sdk.run("job") as run:
        run.input("s3://raw/orders", rows=10, bytes=1_000, schema=frame.dtypes)
        run.output(
            "postgres://db/shop.public.totals",
            rows=1,
            bytes=80,
            schema=[("total", "double"), {"name": "shop", "type": "text", "description": "Where."}],
            column_lineage={
                "total": ["amount"],
                "shop": ("s3://raw/orders", "shop"),
                "both": ["amount", {"namespace": "s3://raw", "name": "other", "field": "x"}],
            },
        )
    assert sdk.flush(10)
    (read,), (written,) = memory[-1]["inputs"], memory[-1]["outputs"]
    statistics = read["inputFacets"]["inputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (10, 1_000)
    assert [(field["name"], field["type"]) for field in read["facets"]["schema"]["fields"]] == [
        ("amount", "float64"),
        ("shop", str(frame.dtypes["shop"])),
    ]
    statistics = written["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (1, 80)
    assert written["facets"]["schema"]["fields"] == [
        {"name": "total", "type": "double"},
        {"name": "shop", "type": "text", "description": "Where."},
    ]
    orders = {"namespace": "s3://raw", "name": "orders"}
    assert {column: entry["inputFields"] for column, entry in written["facets"]["columnLineage"]["fields"].items()} == {
        "total": [{**orders, "field": "amount"}],
        "shop": [{**orders, "field": "shop"}],
        "both": [{**orders, "field": "amount"}, {"namespace": "s3://raw", "name": "other", "field": "x"}],
    }


def test_a_column_by_itself_needs_one_input_and_costs_no_more_than_itself(
    memory: Events, caplog: pytest.LogCaptureFixture
) -> None:
    with sdk.run("job", inputs=["s3://raw/a", "s3://raw/b"]) as run:
        run.output("s3://out/c", column_lineage={"total": "amount"})
    assert sdk.flush(10)
    assert memory[-1]["outputs"] == [{"namespace": "s3://out", "name": "c"}]
    assert "say (dataset, column)" in caplog.text


def test_what_one_run_adds_is_not_the_next_ones(memory: Events) -> None:
    @sdk.lineage_track("job", inputs="s3://raw/a", tags={"team": "shop"})
    def work(first: bool) -> None:
        run = sdk.current_run()
        assert run is not None
        if first:
            run.input("s3://raw/b")
            run.facet("custom", {"value": 1})
            run.job_facet("custom", {"value": 1})

    work(True)
    work(False)
    assert sdk.flush(10)
    first, second = (event for event in memory if event["eventType"] == "COMPLETE")
    assert _names(first["inputs"]) == ["s3://raw/a", "s3://raw/b"]
    assert _names(second["inputs"]) == ["s3://raw/a"]
    assert second["run"]["facets"] == {}
    assert second["job"]["facets"].keys() == {"tags"}


async def test_async_with_is_as_good_as_with(memory: Events) -> None:
    async with sdk.run("outer") as outer:
        assert sdk.current_run() is outer
        with pytest.raises(KeyError):
            async with sdk.run("inner"):
                raise KeyError("missing")
    assert sdk.flush(10)
    assert [(event["job"]["name"], event["eventType"]) for event in memory] == [
        ("outer", "START"),
        ("inner", "START"),
        ("inner", "FAIL"),
        ("outer", "COMPLETE"),
    ]


def test_runs_that_are_left_out_of_order_leave_no_ended_one_current(memory: Events) -> None:
    outer, inner = sdk.run("outer"), sdk.run("inner")
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert sdk.current_run() is inner
    inner.__exit__(None, None, None)
    assert sdk.current_run() is None


@pytest.mark.parametrize("arguments", [{"enable_lineage": False}, {"disabled": True}])
def test_lineage_that_is_switched_off_runs_the_function_and_emits_nothing(arguments: Any, memory: Events) -> None:
    sdk.configure(**arguments)

    @sdk.lineage_track("job")
    def work() -> str:
        run = sdk.current_run()
        return run.job_name if run else ""

    assert work() == "job"
    assert sdk.flush(10)
    assert memory == []
