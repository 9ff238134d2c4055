"""What type checkers see of the SDK: read by mypy in `make types`, never run."""

from collections.abc import Callable, Coroutine
from typing import Any, assert_type

from lineagehub_sdk import lineage_track


@lineage_track
def bare(number: int, *, text: str = "") -> float:
    return number / 2


@lineage_track("job", inputs=["s3://bucket/key"])
def named(number: int) -> str:
    return str(number)


@lineage_track()
async def asynchronous(number: int) -> bytes:
    return bytes(number)


def expects(function: Callable[[int], str], awaited: Callable[[int], Coroutine[Any, Any, bytes]]) -> None: ...


assert_type(bare(1, text="x"), float)
assert_type(named(1), str)
expects(named, asynchronous)
