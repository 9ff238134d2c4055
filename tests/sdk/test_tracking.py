"""`lineage_track` and `run`: what is emitted, and that the user's function never notices."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import pickle
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import lineagehub_sdk as sdk
import pytest

from tests.sdk.conftest import HubDouble
from tests.support.hub import clean_environment

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
    run_ids = {event["run"]["runId"] for event in memory}
    assert len(run_ids) == 2
    assert {uuid.UUID(run_id).version for run_id in run_ids} == {7}
    assert all(event["inputs"] == [{"namespace": "s3://bucket", "name": "key"}] for event in memory)
    assert all(event["outputs"] == [{"namespace": "postgres", "name": "db.s.t"}] for event in memory)


def test_the_known_arguments_are_where_openlineage_has_them(memory: Events) -> None:
    run_id = str(uuid.uuid4())

    @sdk.lineage_track(
        job_name="job",
        namespace="team",
        inputs=None,
        outputs=None,
        description="Does it.",
        tags={"tier": "gold", "count": 3},  # type: ignore[dict-item] # users do that
        run_id=run_id,
        send_async=True,
    )
    def work() -> None: ...

    work()
    assert _types(memory, "job") == ["START", "COMPLETE"]
    event = memory[0]
    assert event["job"]["namespace"] == "team"
    assert event["run"]["runId"] == run_id
    assert event["job"]["facets"]["documentation"]["description"] == "Does it."
    assert [(tag["key"], tag["value"]) for tag in event["job"]["facets"]["tags"]["tags"]] == [
        ("tier", "gold"),
        ("count", "3"),
    ]


def test_without_parentheses_the_job_is_named_after_the_function_and_the_signature_is_kept(memory: Events) -> None:
    @sdk.lineage_track
    def named(first: int, *, second: str = "x") -> str:
        """Documented."""
        return f"{first}{second}"

    assert named(1) == "1x"
    assert named.__doc__ == "Documented."
    assert list(inspect.signature(named).parameters) == ["first", "second"]
    sdk.flush(10)
    assert memory[0]["job"]["name"] == f"{__name__}.{named.__qualname__}"


def test_a_job_of_a_script_is_named_after_the_script(tmp_path: Path) -> None:
    script = tmp_path / "nightly.py"
    script.write_text("import lineagehub_sdk as sdk\n@sdk.lineage_track\ndef load(): ...\nload()\n")
    environment = clean_environment() | {"LINEAGEHUB_TRANSPORT": "console"}
    result = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=60)
    assert '"name":"nightly.load"' in result.stderr


def test_methods_of_all_kinds_are_tracked(memory: Events) -> None:
    class Pipeline:
        factor = 2

        @sdk.lineage_track("method")
        def method(self, number: int) -> int:
            return number * self.factor

        @classmethod
        @sdk.lineage_track("class_inside")
        def class_inside(cls, number: int) -> int:
            return number * cls.factor

        @sdk.lineage_track("class_outside")
        @classmethod
        def class_outside(cls, number: int) -> int:
            return number * cls.factor

        @sdk.lineage_track("static")
        @staticmethod
        def static(number: int) -> int:
            return number

    assert Pipeline().method(1) == Pipeline.class_inside(1) == Pipeline.class_outside(1) == 2
    assert Pipeline.static(1) == Pipeline().static(1) == 1
    for job in ("method", "class_inside", "class_outside"):
        assert _types(memory, job) == ["START", "COMPLETE"]
    assert len(_types(memory, "static")) == 4


@sdk.lineage_track
def tracked_at_module_level(number: int) -> int:
    """Importable, so that it can be pickled by name."""
    return number


def test_a_tracked_function_can_be_pickled(memory: Events) -> None:
    assert pickle.loads(pickle.dumps(tracked_at_module_level))(3) == 3


async def test_async_functions_are_awaited_inside_their_run(memory: Events) -> None:
    @sdk.lineage_track("async_job")
    async def work(first: int, second: int = 2) -> tuple[str, int]:
        await asyncio.sleep(0)
        run = sdk.current_run()
        assert run is not None
        return run.job_name, first + second

    assert inspect.iscoroutinefunction(work)
    assert await work(1) == ("async_job", 3)
    assert _types(memory, "async_job") == ["START", "COMPLETE"]


async def test_a_sync_function_runs_inside_a_running_loop(memory: Events) -> None:
    @sdk.lineage_track("sync_in_loop")
    def work() -> int:
        return 1

    assert work() == 1
    assert _types(memory, "sync_in_loop") == ["START", "COMPLETE"]


def test_send_async_false_waits_until_the_hub_has_it(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=30.0)

    @sdk.lineage_track("job", send_async=False)
    def work(fail: bool) -> str:
        if fail:
            raise KeyError("missing")
        return "done"

    assert work(False) == "done"
    assert [event["eventType"] for event in hub_double.events] == ["START", "COMPLETE"]
    with pytest.raises(KeyError):
        work(True)
    assert [event["eventType"] for event in hub_double.events[2:]] == ["START", "FAIL"]


async def test_send_async_false_keeps_the_event_loop_free(hub_double: HubDouble) -> None:
    sdk.configure(hub_endpoint=hub_double.url, flush_interval=30.0)
    loop_thread = threading.get_ident()
    flushed_by: list[int] = []
    client_type = type(sdk._client.current_client())
    original = client_type.flush

    def flush(self: Any, timeout: float, **options: bool) -> bool:
        flushed_by.append(threading.get_ident())
        return original(self, timeout, **options)

    @sdk.lineage_track("job", send_async=False)
    async def work() -> int:
        return 1

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(client_type, "flush", flush)
        assert await work() == 1
    assert flushed_by
    assert loop_thread not in flushed_by
    assert len(hub_double.events) == 2


def test_the_users_exception_is_untouched_and_the_run_failed(memory: Events) -> None:
    error = KeyError("missing")

    @sdk.lineage_track("failing")
    def fail() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        fail()
    assert caught.value is error
    assert caught.value.__context__ is None
    assert _types(memory, "failing") == ["START", "FAIL"]
    facet = memory[-1]["run"]["facets"]["errorMessage"]
    assert facet["message"] == "KeyError: 'missing'"
    assert facet["programmingLanguage"] == "python"
    assert "raise error" in facet["stackTrace"]


def test_an_error_that_cannot_be_shown_is_a_failure_all_the_same(memory: Events) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    with pytest.raises(Mute), sdk.run("mute"):
        raise Mute
    assert _types(memory, "mute") == ["START", "FAIL"]


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
    with sdk.run("outer") as outer, sdk.run("middle", namespace="other") as middle, sdk.run("inner"):
        pass
    sdk.flush(10)
    facets = {event["job"]["name"]: event["run"]["facets"] for event in memory}
    parent = facets["inner"]["parent"]
    assert parent["run"]["runId"] == middle.run_id
    assert parent["job"] == {"namespace": "other", "name": "middle"}
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


def test_a_run_left_in_another_context_raises_nothing(memory: Events) -> None:
    run = sdk.run("elsewhere")
    contextvars.copy_context().run(run.__enter__)
    run.__exit__(None, None, None)
    assert _types(memory, "elsewhere") == ["START", "COMPLETE"]


def test_datasets_and_facets_added_inside_are_in_the_last_event(memory: Events) -> None:
    with sdk.run("job") as run:
        run.input("kafka://broker:9092/orders")
        run.output({"namespace": "n", "name": "t", "facets": {}}, rows=42)
        run.facet("custom", {"value": 1})
    sdk.flush(10)
    start, complete = memory
    assert (start["inputs"], start["outputs"]) == ([], [])
    assert complete["inputs"] == [{"namespace": "kafka://broker:9092", "name": "orders"}]
    assert complete["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 42
    assert complete["run"]["facets"]["custom"]["value"] == 1


def _broken() -> Iterator[str]:
    yield "s3://bucket/first"
    raise RuntimeError("the list cannot be read")


@pytest.mark.parametrize("datasets", [[{}], [{"type": "s3"}], [object()], [""], [None], 7, object(), {}, _broken])
def test_datasets_that_make_no_sense_cost_nothing_but_themselves(datasets: Any, memory: Events) -> None:
    given = datasets() if callable(datasets) else datasets

    @sdk.lineage_track("odd", inputs=given, outputs=["s3://bucket/good"])
    def work() -> int:
        return 1

    assert work() == 1
    assert _types(memory, "odd") == ["START", "COMPLETE"]
    with sdk.run("odd_run", inputs=given, outputs=["s3://bucket/good"], tags=7, description=object()):  # type: ignore[arg-type] # users do that
        pass
    assert _types(memory, "odd_run") == ["START", "COMPLETE"]
    assert [event["outputs"] for event in memory][2:] == [[{"namespace": "s3://bucket", "name": "good"}]] * 2


def test_an_iterator_of_datasets_serves_every_call(memory: Events) -> None:
    @sdk.lineage_track("job", inputs=iter(["s3://bucket/key"]), outputs=["s3://bucket/out"])
    def work() -> None: ...

    work()
    work()
    sdk.flush(10)
    assert all(event["inputs"] == [{"namespace": "s3://bucket", "name": "key"}] for event in memory)


def test_what_is_no_json_in_a_facet_is_written_as_what_it_stands_for(memory: Events) -> None:
    with sdk.run("job") as run:
        run.facet("odd", {"a": object(), "b": b"bytes", "c": float("nan"), "d": {1}, "e": date(2026, 11, 24)})
        run.facet("nothing", 7)  # type: ignore[arg-type] # users do that
        run.job_facet("good", {"value": 1})
    assert _types(memory, "job") == ["START", "COMPLETE"]
    assert memory[-1]["run"]["facets"].keys() == {"odd"}
    odd = memory[-1]["run"]["facets"]["odd"]
    assert (odd["a"], odd["b"], odd["c"], odd["d"], odd["e"]) == ("<builtins.object>", "bytes", None, [1], "2026-11-24")
    assert memory[-1]["job"]["facets"]["good"]["value"] == 1
    assert "/$defs/JobFacet" in memory[-1]["job"]["facets"]["good"]["_schemaURL"]


def test_a_facet_is_what_it_was_when_it_was_set(memory: Events) -> None:
    value = {"list": [1]}
    with sdk.run("job") as run:
        run.facet("custom", value)
        value["list"].append(2)
    sdk.flush(10)
    assert memory[-1]["run"]["facets"]["custom"]["list"] == [1]


def test_strict_mode_raises_what_is_otherwise_swallowed(memory: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGEHUB_STRICT", "1")
    with pytest.raises(ValueError, match="a namespace and a name"), sdk.run("strict", inputs=[{}]):
        pass


def test_strict_mode_leaves_the_users_exception_in_the_foreground(
    memory: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGEHUB_STRICT", "1")

    @sdk.lineage_track("strict")
    def fail() -> None:
        run = sdk.current_run()
        assert run is not None
        run._run_facets = None  # type: ignore[assignment] # a fault of ours
        raise KeyError("the user's")

    with pytest.raises(KeyError, match="the user's"):
        fail()
