"""What type checkers see of the SDK: read by mypy in `make types`, never run."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, assert_type

from lineagehub_sdk import Run, extract, in_context, inject, lineage_track, run, telemetry_track


@lineage_track
def bare(number: int, *, text: str = "") -> float:
    return number / 2


@lineage_track("job", inputs=["s3://bucket/key"])
def named(number: int) -> str:
    return str(number)


@lineage_track()
async def asynchronous(number: int) -> bytes:
    return bytes(number)


@lineage_track(
    "job", inputs=lambda arguments: [f"s3://raw/{arguments['day']}"], outputs=lambda arguments, result: result
)
def computed(day: str) -> list[str]:
    return [day]


@lineage_track
def generator(number: int) -> Generator[int, str, bytes]:
    text = yield number
    return text.encode()


@telemetry_track("span", service_name="service", tags={"team": "shop"})
async def async_generator(number: int) -> AsyncGenerator[int, str]:
    yield number


@telemetry_track
@lineage_track(description="Both.")
def both(number: int) -> float:
    return number / 2


class Pipeline:
    @lineage_track
    def method(self, number: int) -> str:
        return str(number)

    @lineage_track("outside")
    @classmethod
    def class_outside(cls, number: int) -> str:
        return str(number)

    @classmethod
    @telemetry_track()
    def class_inside(cls, number: int) -> str:
        return str(number)

    @telemetry_track
    @staticmethod
    def static(number: int) -> str:
        return str(number)


def expects(function: Callable[[int], str], awaited: Callable[[int], Coroutine[Any, Any, bytes]]) -> None: ...


assert_type(bare(1, text="x"), float)
assert_type(named(1), str)
assert_type(computed("monday"), list[str])
assert_type(generator(1), Generator[int, str, bytes])
assert_type(async_generator(1), AsyncGenerator[int, str])
assert_type(both(1), float)
assert_type(Pipeline().method(1), str)
assert_type(Pipeline.class_outside(1), str)
assert_type(Pipeline().class_outside(1), str)
assert_type(Pipeline.class_inside(1), str)
assert_type(Pipeline.static(1), str)
assert_type(inject(), dict[str, str])
assert_type(inject({"other": "kept"}), dict[str, str])
expects(named, asynchronous)
expects(Pipeline().method, asynchronous)

# A checker that no longer sees the arguments would find these ignores unused.
bare("no number")  # type: ignore[arg-type]
named(1, 2)  # type: ignore[call-arg]
Pipeline().method("no number")  # type: ignore[arg-type]
Pipeline.class_outside("no number")  # type: ignore[arg-type]
lineage_track(7)  # type: ignore[call-overload]

with run("job") as this_run, extract({}):
    assert_type(this_run, Run)
    this_run.output("s3://bucket/key", rows=1, bytes=2, schema={"a": "int"}, column_lineage={"a": ("s3://b/k", "a")})


async def awaits() -> None:
    async with run("job") as this_run:
        assert_type(this_run, Run)
    assert_type(await asynchronous(1), bytes)


with ThreadPoolExecutor() as pool:
    assert_type(list(pool.map(in_context(named), [1])), list[str])
