"""`lineage_track` and `run`: what is emitted, and that the user's function never notices."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import lineagehub_sdk as sdk
import pytest

Events = list[dict[str, Any]]


def _types(events: Events, job: str) -> list[str]:
    assert sdk.flush(10)
    return [event["eventType"] for event in events if event["job"]["name"] == job]


def test_each_call_is_a_run_of_its_own_with_start_and_complete(memory: Events) -> None:
    @sdk.lineage_track("job", inputs=["s3://bucket/key"], outputs=[{"type": "postgres", "name": "db.s.t"}])
    def double(number: int) -> int:
        return number * 2

    assert [double(1), double(number=2)] == [2, 4]
    assert _types(memory, "job") == ["START", "COMPLETE", "START", "COMPLETE"]
    assert len({event["run"]["runId"] for event in memory}) == 2
    assert memory[0]["inputs"] == [{"namespace": "s3://bucket", "name": "key"}]
    assert memory[0]["outputs"] == [{"namespace": "postgres", "name": "db.s.t"}]


def test_without_parentheses_the_job_is_named_after_the_function_and_the_signature_is_kept(memory: Events) -> None:
    @sdk.lineage_track
    def named(first: int, *, second: str = "x") -> str:
        """Documented."""
        return f"{first}{second}"

    assert named(1) == "1x"
    assert named.__doc__ == "Documented."
    assert list(inspect.signature(named).parameters) == ["first", "second"]
    sdk.flush(10)
    assert memory[0]["job"]["name"].endswith("named")


async def test_async_functions_are_awaited_inside_their_run(memory: Events) -> None:
    @sdk.lineage_track("async_job")
    async def work() -> str:
        await asyncio.sleep(0)
        run = sdk.current_run()
        assert run is not None
        return run.job_name

    assert inspect.iscoroutinefunction(work)
    assert await work() == "async_job"
    assert _types(memory, "async_job") == ["START", "COMPLETE"]


async def test_a_sync_function_runs_inside_a_running_loop(memory: Events) -> None:
    @sdk.lineage_track("sync_in_loop")
    def work() -> int:
        return 1

    assert work() == 1
    assert _types(memory, "sync_in_loop") == ["START", "COMPLETE"]


def test_the_users_exception_is_untouched_and_the_run_failed(memory: Events) -> None:
    error = KeyError("missing")

    @sdk.lineage_track("failing")
    def fail() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        fail()
    assert caught.value is error
    assert _types(memory, "failing") == ["START", "FAIL"]
    facet = memory[-1]["run"]["facets"]["errorMessage"]
    assert facet["message"] == "KeyError: 'missing'"
    assert facet["programmingLanguage"] == "python"


async def test_cancellation_is_abort(memory: Events) -> None:
    started = asyncio.Event()

    @sdk.lineage_track("cancelled")
    async def wait() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _types(memory, "cancelled") == ["START", "ABORT"]


def test_runs_inside_runs_name_parent_and_root(memory: Events) -> None:
    with sdk.run("outer") as outer, sdk.run("middle") as middle, sdk.run("inner"):
        pass
    sdk.flush(10)
    facets = {event["job"]["name"]: event["run"]["facets"] for event in memory}
    parent = facets["inner"]["parent"]
    assert parent["run"]["runId"] == middle.run_id
    assert parent["root"]["run"]["runId"] == outer.run_id
    assert parent["root"]["job"] == {"namespace": "default", "name": "outer"}
    assert "parent" not in facets["outer"]
    assert sdk.current_run() is None


def test_concurrent_tasks_do_not_see_each_others_runs(memory: Events) -> None:
    async def branch(name: str) -> None:
        with sdk.run(name):
            await asyncio.sleep(0)
            run = sdk.current_run()
            assert run is not None
            assert run.job_name == name

    async def main() -> None:
        with sdk.run("whole"):
            await asyncio.gather(*(branch(f"branch{number}") for number in range(5)))

    asyncio.run(main())
    sdk.flush(10)
    parents = {
        event["run"]["facets"]["parent"]["job"]["name"] for event in memory if event["job"]["name"].startswith("branch")
    }
    assert parents == {"whole"}


@pytest.mark.parametrize("datasets", [[{}], [{"type": "s3"}], [object()], [""], 7])
def test_datasets_that_make_no_sense_never_stop_the_function(datasets: Any, memory: Events) -> None:
    @sdk.lineage_track("odd", inputs=datasets if isinstance(datasets, list) else None)
    def work() -> int:
        return 1

    assert work() == 1
    assert _types(memory, "odd")[-1] == "COMPLETE"


def test_a_facet_that_is_no_json_is_dropped_and_the_function_runs(memory: Events) -> None:
    with sdk.run("unserialisable") as run:
        run.facet("odd", {"value": object(), "nan": float("nan")})
    with sdk.run("after"):
        pass
    assert _types(memory, "after") == ["START", "COMPLETE"]


def test_strict_mode_raises_what_is_otherwise_swallowed(memory: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_STRICT", "1")
    with pytest.raises(ValueError, match="a namespace and a name"), sdk.run("strict", inputs=[{}]):
        pass
