"""`@lineage_track`: each call of a function is a run. Sync and async functions, with and without parentheses."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar, cast, overload

from lineagehub_sdk._datasets import Dataset
from lineagehub_sdk._run import Run

P = ParamSpec("P")
R = TypeVar("R")


@overload
def lineage_track(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def lineage_track(
    job_name: str | None = None,
    *,
    namespace: str | None = None,
    inputs: Iterable[Dataset] | None = None,
    outputs: Iterable[Dataset] | None = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_id: str | None = None,
    send_async: bool = True,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def lineage_track(
    job_name: Callable[P, R] | str | None = None,
    *,
    namespace: str | None = None,
    inputs: Iterable[Dataset] | None = None,
    outputs: Iterable[Dataset] | None = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_id: str | None = None,
    send_async: bool = True,
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Track each call of a function as a run of the job `job_name` (default: module and qualified name).

    `namespace` is OpenLineage's job namespace; inputs and outputs are dicts `{type, name, format, namespace}`, DatasetSpecs or short
    strings. Every call has its own run id, unless `run_id` fixes it. The function always runs; its result and its exceptions pass
    untouched; nothing waits for the hub, unless `send_async=False` asks to flush after each call.
    """
    if callable(job_name):
        return _tracked(job_name, {}, send_async)
    arguments: dict[str, Any] = {
        "namespace": namespace,
        "inputs": inputs,
        "outputs": outputs,
        "description": description,
        "tags": tags,
        "run_id": run_id,
    }
    name = job_name

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        return _tracked(function, {**arguments, "job_name": name}, send_async)

    return decorate


def _tracked(function: Callable[P, R], arguments: Mapping[str, Any], send_async: bool) -> Callable[P, R]:
    given = dict(arguments)
    job_name = given.pop("job_name", None) or f"{function.__module__}.{function.__qualname__}"

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def tracked_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            with Run(job_name, **given):
                result = await function(*args, **kwargs)
            _flush_if(not send_async)
            return result

        return cast("Callable[P, R]", tracked_async)

    @functools.wraps(function)
    def tracked(*args: P.args, **kwargs: P.kwargs) -> R:
        with Run(job_name, **given):
            result = function(*args, **kwargs)
        _flush_if(not send_async)
        return result

    return tracked


def _flush_if(wanted: bool) -> None:
    if wanted:
        from lineagehub_sdk._client import flush

        flush()
