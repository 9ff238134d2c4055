"""`@lineage_track`: each call of a function is a run. Sync and async functions, with and without parentheses.

The wrapper holds plain arguments only, no client, so that decorated functions can be pickled to other processes.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast, overload

from lineagehub_sdk._client import flush
from lineagehub_sdk._datasets import Datasets, several
from lineagehub_sdk._guard import never_raise
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
    inputs: Datasets = None,
    outputs: Datasets = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_id: str | None = None,
    send_async: bool = True,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def lineage_track(
    job_name: Callable[P, R] | str | None = None,
    *,
    namespace: str | None = None,
    inputs: Datasets = None,
    outputs: Datasets = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_id: str | None = None,
    send_async: bool = True,
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Track each call of a function as a run of the job `job_name` (default: module and qualified name).

    `namespace` is OpenLineage's job namespace; inputs and outputs are dicts `{type, name, format, namespace}`, DatasetSpecs or short
    strings. Every call has its own run id, unless `run_id` fixes it. The function always runs; its result and its exceptions pass
    untouched; nothing waits for the hub, unless `send_async=False` asks to flush after each call (at most `flush_timeout`).
    """
    arguments: dict[str, Any] = {"namespace": namespace, "description": description, "tags": tags, "run_id": run_id}
    with never_raise("reading inputs and outputs"):
        # Here, once for all calls: an iterator gives its items only once.
        arguments |= {"inputs": several(inputs), "outputs": several(outputs)}
    if job_name is not None and not isinstance(job_name, str):
        return _tracked(job_name, None, arguments, send_async)
    return lambda function: _tracked(function, job_name, arguments, send_async)


def _tracked(
    function: Callable[P, R], job_name: str | None, arguments: Mapping[str, Any], send_async: bool
) -> Callable[P, R]:
    if isinstance(function, classmethod | staticmethod):
        inner = _tracked(function.__func__, job_name, arguments, send_async)
        return cast("Callable[P, R]", type(function)(inner))
    name = job_name or _name_of(function)

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def tracked_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                with Run(name, **arguments):
                    return await function(*args, **kwargs)
            finally:
                if not send_async:
                    with never_raise("flushing"):
                        await _flush_in_thread()

        return cast("Callable[P, R]", tracked_async)

    @functools.wraps(function)
    def tracked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with Run(name, **arguments):
                return function(*args, **kwargs)
        finally:
            if not send_async:
                with never_raise("flushing"):
                    flush()

    return tracked


def _name_of(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", None) or "unknown"
    if module == "__main__":
        # Every script is "__main__"; jobs are told apart by the script's own name.
        path = getattr(sys.modules["__main__"], "__file__", None)
        module = os.path.splitext(os.path.basename(path))[0] if path else module
    return f"{module}.{getattr(function, '__qualname__', type(function).__name__)}"


async def _flush_in_thread() -> None:
    import asyncio

    await asyncio.to_thread(flush)
