"""Every kind of function, by every decorator, with every outcome: it behaves as it does undecorated, and its run says what became of it."""

from __future__ import annotations

import asyncio
import functools
import gc
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import lineagehub_sdk as sdk
import pytest
from lineagehub_sdk._telemetry import otel
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

Events = list[dict[str, Any]]
Track = Callable[[Any], Any]

OUTCOMES: dict[str, tuple[BaseException | None, str]] = {
    "returns": (None, "COMPLETE"),
    "raises": (KeyError("missing"), "FAIL"),
    "is interrupted": (KeyboardInterrupt(), "ABORT"),
    "is cancelled": (asyncio.CancelledError(), "ABORT"),
    "exits with 0": (SystemExit(0), "COMPLETE"),
    "exits with 1": (SystemExit(1), "FAIL"),
}

LINEAGE: dict[str, Track] = {
    "lineage_track()": sdk.lineage_track("job"),
    "lineage_track over telemetry_track": lambda function: sdk.lineage_track("job")(
        sdk.telemetry_track("job")(function)
    ),
    "telemetry_track over lineage_track": lambda function: sdk.telemetry_track("job")(
        sdk.lineage_track("job")(function)
    ),
}


def _end(error: BaseException | None) -> str:
    if error is not None:
        raise error
    return "result"


def _sync(track: Track, error: BaseException | None) -> Any:
    @track
    def function(argument: int, *, keyword: str = "k") -> str:
        assert (argument, keyword) == (1, "k")
        return _end(error)

    return function(1)


def _async(track: Track, error: BaseException | None) -> Any:
    @track
    async def function(argument: int, *, keyword: str = "k") -> str:
        assert (argument, keyword) == (1, "k")
        return _end(error)

    assert inspect.iscoroutinefunction(function)
    return _awaited(function(1))


def _generator(track: Track, error: BaseException | None) -> Any:
    @track
    def function(argument: int) -> Generator[int, None, str]:
        yield argument
        yield argument + 1
        return _end(error)

    assert inspect.isgeneratorfunction(function)
    generator = function(1)
    assert [next(generator), next(generator)] == [1, 2]
    try:
        next(generator)
    except StopIteration as end:
        return end.value


def _async_generator(track: Track, error: BaseException | None) -> Any:
    @track
    async def function(argument: int) -> AsyncGenerator[int, None]:
        yield argument
        await asyncio.sleep(0)
        yield argument + 1
        _end(error)

    assert inspect.isasyncgenfunction(function)

    async def consume() -> str:
        assert [item async for item in function(1)] == [1, 2]
        return "result"

    return _awaited(consume())


def _method(track: Track, error: BaseException | None) -> Any:
    class Pipeline:
        value = 1

        @track
        def function(self, argument: int) -> str:
            assert argument == self.value
            return _end(error)

    return Pipeline().function(1)


def _classmethod_inside(track: Track, error: BaseException | None) -> Any:
    class Pipeline:
        value = 1

        @classmethod
        @track
        def function(cls, argument: int) -> str:
            assert argument == cls.value
            return _end(error)

    return Pipeline.function(1)


def _classmethod_outside(track: Track, error: BaseException | None) -> Any:
    class Pipeline:
        value = 1

        @track
        @classmethod
        def function(cls, argument: int) -> str:
            assert argument == cls.value
            return _end(error)

    return Pipeline.function(1)


def _staticmethod(track: Track, error: BaseException | None) -> Any:
    class Pipeline:
        @track
        @staticmethod
        def function(argument: int) -> str:
            return _end(error)

    return Pipeline().function(1)


def _callable_object(track: Track, error: BaseException | None) -> Any:
    class Function:
        async def __call__(self, argument: int) -> str:
            return _end(error)

    return _awaited(track(Function())(1))


KINDS = (
    _sync,
    _async,
    _generator,
    _async_generator,
    _method,
    _classmethod_inside,
    _classmethod_outside,
    _staticmethod,
    _callable_object,
)


def _awaited(coroutine: Any) -> Any:
    """Run a coroutine by hand: nothing in these waits, and a loop would take a KeyboardInterrupt for its own."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as end:
        return end.value


@pytest.fixture
def spans() -> Callable[[], list[ReadableSpan]]:
    """Return the spans that ended so far."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    otel.use_tracer(provider.get_tracer("test"))
    return lambda: list(exporter.get_finished_spans())


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("track", LINEAGE)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_one_run_and_one_span_name_each_other_and_the_outcome_is_the_functions_own(
    kind: Callable[[Track, BaseException | None], Any],
    track: str,
    outcome: str,
    memory: Events,
    spans: Callable[[], list[ReadableSpan]],
) -> None:
    error, state = OUTCOMES[outcome]
    if error is None:
        assert kind(LINEAGE[track], None) == "result"
    else:
        with pytest.raises(type(error)) as caught:
            kind(LINEAGE[track], error)
        assert caught.value is error
    assert sdk.current_run() is None
    assert sdk.flush(10)
    start, end = memory
    assert (start["eventType"], end["eventType"]) == ("START", state)
    assert start["run"]["runId"] == end["run"]["runId"]
    assert ("errorMessage" in end["run"]["facets"]) == (state == "FAIL")
    (span,) = spans()
    assert span.attributes is not None
    assert span.attributes["lineage.run_id"] == start["run"]["runId"]
    assert span.context is not None
    trace = start["run"]["facets"]["lineagehub_trace"]
    assert (trace["traceId"], trace["spanId"]) == (f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}")
    assert (span.status.description is not None) == (state == "FAIL")


@pytest.mark.parametrize("outcome", ["returns", "raises"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_telemetry_track_by_itself_is_a_span_and_no_run(
    kind: Callable[[Track, BaseException | None], Any],
    outcome: str,
    memory: Events,
    spans: Callable[[], list[ReadableSpan]],
) -> None:
    error, _ = OUTCOMES[outcome]
    track = sdk.telemetry_track("the span", tags={"team": "shop"})
    if error is None:
        assert kind(track, None) == "result"
    else:
        with pytest.raises(type(error)):
            kind(track, error)
    assert sdk.flush(10)
    assert memory == []
    (span,) = spans()
    assert (span.name, span.attributes) == ("the span", {"team": "shop"})
    assert span.status.is_ok == (error is None)


@pytest.mark.parametrize("track", [sdk.lineage_track, sdk.telemetry_track])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_without_parentheses_every_kind_is_tracked_too(
    kind: Callable[[Track, BaseException | None], Any],
    track: Track,
    memory: Events,
    spans: Callable[[], list[ReadableSpan]],
) -> None:
    assert kind(track, None) == "result"
    assert sdk.flush(10)
    assert len(spans()) == 1
    assert [event["eventType"] for event in memory] == (["START", "COMPLETE"] if track is sdk.lineage_track else [])


def test_a_generator_passes_send_throw_and_return(memory: Events) -> None:
    @sdk.lineage_track("job")
    def echo() -> Generator[str, str, int]:
        received = yield "first"
        try:
            yield received
        except KeyError as error:
            yield f"caught {error}"
        return 7

    generator = echo()
    assert next(generator) == "first"
    assert generator.send("sent") == "sent"
    assert generator.throw(KeyError("thrown")) == "caught 'thrown'"
    with pytest.raises(StopIteration) as end:
        next(generator)
    assert end.value.value == 7
    assert _types(memory) == ["START", "COMPLETE"]


def test_a_generator_delegated_to_is_one_run(memory: Events) -> None:
    @sdk.lineage_track("job")
    def inner() -> Generator[int, None, str]:
        yield 1
        return "inner's"

    def outer() -> Generator[int, None, None]:
        assert (yield from inner()) == "inner's"

    assert list(outer()) == [1]
    assert _types(memory) == ["START", "COMPLETE"]


def test_a_generator_that_is_closed_is_abort_and_cleans_up(memory: Events) -> None:
    cleaned: list[bool] = []

    @sdk.lineage_track("job")
    def count() -> Generator[int, None, None]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append(sdk.current_run() is not None)

    generator = count()
    assert next(generator) == 1
    generator.close()
    assert cleaned == [True]
    assert _types(memory) == ["START", "ABORT"]


def test_a_generator_that_catches_its_closing_is_abort_all_the_same_and_one_that_ignores_it_is_told(
    memory: Events,
) -> None:
    @sdk.lineage_track("job")
    def catches() -> Generator[int, None, None]:
        try:
            yield 1
        except GeneratorExit:
            return

    @sdk.lineage_track("ignoring")
    def ignores() -> Generator[int, None, None]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    generator = catches()
    next(generator)
    generator.close()
    assert _types(memory) == ["START", "ABORT"]
    stubborn = ignores()
    next(stubborn)
    with pytest.raises(RuntimeError, match="generator ignored GeneratorExit"):
        stubborn.close()
    with pytest.raises(StopIteration):
        next(stubborn)


def test_a_generator_that_is_forgotten_in_the_middle_is_abort_and_one_never_begun_is_no_run(memory: Events) -> None:
    @sdk.lineage_track("job")
    def count() -> Generator[int, None, None]:
        yield 1
        yield 2

    for _ in count():
        break
    count()
    gc.collect()
    assert _types(memory) == ["START", "ABORT"]


def test_the_run_of_a_generator_is_current_in_its_body_and_not_between(
    memory: Events, spans: Callable[[], list[ReadableSpan]]
) -> None:
    @sdk.lineage_track("job")
    def count() -> Generator[str, None, None]:
        yield _current()
        with sdk.run("nested"):
            yield _current()
            yield _current()
        yield _current()

    with sdk.run("outside"):
        seen = []
        for name in count():
            assert _current() == "outside"
            with sdk.run("between"):
                assert _current() == "between"
            seen.append(name)
    assert seen == ["job", "nested", "nested", "job"]
    assert _current() == ""
    assert sdk.flush(10)
    parents = {
        event["job"]["name"]: event["run"]["facets"]["parent"]["job"]["name"]
        for event in memory
        if event["job"]["name"] != "outside"
    }
    assert parents == {"job": "outside", "nested": "job", "between": "outside"}
    ids = {span.name: span.context.span_id for span in spans() if span.context}
    above = {span.name: span.parent.span_id for span in spans() if span.parent}
    assert above == {"job": ids["outside"], "nested": ids["job"], "between": ids["outside"]}


def test_two_generators_in_turn_keep_apart(memory: Events) -> None:
    @sdk.lineage_track
    def count(name: str) -> Generator[str, None, None]:
        run = sdk.current_run()
        assert run is not None
        for _ in range(3):
            assert sdk.current_run() is run
            yield name

    assert list(zip(count("a"), count("b"), strict=True)) == [("a", "b")] * 3
    assert sdk.current_run() is None
    assert sorted(_types(memory)) == ["COMPLETE", "COMPLETE", "START", "START"]


async def test_an_async_generator_passes_asend_and_athrow_and_is_abort_when_closed(memory: Events) -> None:
    cleaned: list[bool] = []

    @sdk.lineage_track("job")
    async def echo() -> AsyncGenerator[str, str]:
        try:
            received = yield "first"
            try:
                yield received
            except KeyError as error:
                await asyncio.sleep(0)
                yield f"caught {error} in {_current()}"
            yield "more"
        finally:
            await asyncio.sleep(0)
            cleaned.append(_current() == "job")

    generator = echo()
    assert await anext(generator) == "first"
    assert await generator.asend("sent") == "sent"
    assert await generator.athrow(KeyError("thrown")) == "caught 'thrown' in job"
    assert _current() == ""
    await generator.aclose()
    assert cleaned == [True]
    assert _types(memory) == ["START", "ABORT"]


async def test_a_cancelled_consumer_aborts_its_async_generator(memory: Events) -> None:
    waiting = asyncio.Event()

    @sdk.lineage_track("job")
    async def forever() -> AsyncGenerator[int, None]:
        yield 1
        waiting.set()
        await asyncio.Event().wait()
        yield 2

    async def consume() -> None:
        async for _ in forever():
            pass

    task = asyncio.create_task(consume())
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _types(memory) == ["START", "ABORT"]


def test_a_call_with_wrong_arguments_raises_what_it_would_undecorated(memory: Events) -> None:
    @sdk.lineage_track("job", inputs=lambda arguments: [f"s3://raw/{arguments['day']}"])
    def load(day: str) -> Generator[str, None, None]:
        yield day

    with pytest.raises(TypeError, match="missing 1 required positional argument: 'day'"):
        list(load())  # type: ignore[call-arg] # the point
    assert _types(memory) == ["START", "FAIL"]


@pytest.mark.parametrize("track", [sdk.lineage_track, sdk.lineage_track("job"), sdk.telemetry_track])
def test_what_cannot_be_tracked_is_left_as_it_is(track: Track, caplog: pytest.LogCaptureFixture) -> None:
    class Pipeline: ...

    assert track(Pipeline) is Pipeline
    assert "only functions and methods can be tracked" in caplog.text


def test_a_wrapper_of_somebody_else_between_the_two_is_still_called(
    memory: Events, spans: Callable[[], list[ReadableSpan]]
) -> None:
    def doubled(function: Callable[[int], int]) -> Callable[[int], int]:
        @functools.wraps(function)
        def wrapper(number: int) -> int:
            return function(number) * 2

        return wrapper

    @sdk.telemetry_track("outside")
    @doubled
    @sdk.lineage_track("job")
    def work(number: int) -> int:
        return number + 1

    assert work(1) == 4
    assert _types(memory) == ["START", "COMPLETE"]
    assert sorted(span.name for span in spans()) == ["job", "outside"]


def test_the_same_decorator_twice_is_two_runs_one_inside_the_other(memory: Events) -> None:
    @sdk.lineage_track("outer")
    @sdk.lineage_track("inner")
    def work() -> str:
        return _current()

    assert work() == "inner"
    assert sdk.flush(10)
    assert memory[1]["run"]["facets"]["parent"]["job"]["name"] == "outer"


def _current() -> str:
    run = sdk.current_run()
    return run.job_name if run else ""


def _types(events: Events) -> list[str]:
    assert sdk.flush(10)
    return [event["eventType"] for event in events if event["job"]["name"] != "ignoring"]
