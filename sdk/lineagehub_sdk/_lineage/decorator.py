"""`@lineage_track`: each call of a function is a run. `@telemetry_track`: each call is a span. With and without parentheses."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from lineagehub_sdk._guard import debug_once, never_raise, warn_once
from lineagehub_sdk._lineage.datasets import Inputs, Outputs, several
from lineagehub_sdk._lineage.job import Job
from lineagehub_sdk._lineage.tracking import Plan, plan_of, wrap
from lineagehub_sdk._telemetry import otel

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


class Tracker(Protocol):
    """Decorates a function, which keeps its signature, or a classmethod or staticmethod."""

    @overload
    def __call__(self, function: classmethod[T, P, R], /) -> classmethod[T, P, R]: ...

    @overload
    def __call__(self, function: staticmethod[P, R], /) -> staticmethod[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def lineage_track(function: classmethod[T, P, R], /) -> classmethod[T, P, R]: ...


@overload
def lineage_track(function: staticmethod[P, R], /) -> staticmethod[P, R]: ...


@overload
def lineage_track(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def lineage_track(
    job_name: str | None = None,
    namespace: str | None = None,
    inputs: Inputs = None,
    outputs: Outputs = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_id: str | None = None,
    send_async: bool = True,
) -> Tracker: ...


def lineage_track(
    job_name: Any = None,
    namespace: str | None = None,
    inputs: Inputs = None,
    outputs: Outputs = None,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    run_id: str | None = None,
    send_async: bool = True,
) -> Any:
    """Track each call of a function as a run of the job `job_name` (default: module and qualified name).

    `namespace` is OpenLineage's job namespace; inputs and outputs are dicts `{type, name, format, namespace}`, DatasetSpecs, paths or
    short strings, or computed: `inputs=lambda arguments: …`, `outputs=lambda arguments, result: …`, where `arguments` has the
    call's arguments by name. Every call has its own run id, unless `run_id` fixes it. A generator is a run from its first
    item to its end, ABORT when it is closed before. The function always runs; its result and its exceptions pass untouched;
    nothing waits for the hub, unless `send_async=False` asks to flush after each call (at most `flush_timeout` seconds).
    """
    with never_raise("reading inputs and outputs"):
        # Here, once for all functions that this decorates: an iterator gives its items only once.
        inputs = inputs if callable(inputs) else several(inputs)
        outputs = outputs if callable(outputs) else several(outputs)

    def plan(function: Callable[..., Any], former: Plan | None) -> Plan:
        job = Job(
            _name_given(job_name) or name_of(function),
            namespace=namespace,
            inputs=inputs,
            outputs=outputs,
            description=description,
            tags=tags,
            run_id=run_id,
        )
        joined = former.span if former is not None and former.job is None else None
        return Plan(former.function if joined and former else function, job=job, span=joined, send_async=send_async)

    return _decorator(job_name, plan)


@overload
def telemetry_track(function: classmethod[T, P, R], /) -> classmethod[T, P, R]: ...


@overload
def telemetry_track(function: staticmethod[P, R], /) -> staticmethod[P, R]: ...


@overload
def telemetry_track(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def telemetry_track(
    span_name: str | None = None,
    service_name: str | None = None,
    namespace: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Tracker: ...


def telemetry_track(
    span_name: Any = None,
    service_name: str | None = None,
    namespace: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> Any:
    """Trace each call of a function as an OpenTelemetry span `span_name` (default: module and qualified name).

    `service_name` is the span's service (default: OTEL_SERVICE_NAME), `namespace` the job namespace that metrics count under, `tags` are
    attributes. The span goes to the application's own tracer provider if it has set one, else through the hub's transport
    (extra `[otel]`). Beside `lineage_track` on one function, in either order, there are one run and one span that name each
    other. Without OpenTelemetry the function just runs.
    """
    with never_raise("setting up telemetry"):
        try:
            from lineagehub_sdk import telemetry
        except ImportError as error:
            debug_once("no telemetry", f"{error}; functions run without spans")
        else:
            otel.set_up_on_demand(telemetry.configure_telemetry_on_demand)

    def plan(function: Callable[..., Any], former: Plan | None) -> Plan:
        options = otel.SpanOptions(
            _name_given(span_name) or name_of(function),
            service_name or "",
            {str(key): _attribute(value) for key, value in (tags or {}).items()},
        )
        if former is not None and former.span is None:
            return Plan(former.function, job=former.job, span=options, send_async=former.send_async)
        return Plan(function, span=options, namespace=namespace)

    return _decorator(span_name, plan)


MakePlan = Callable[[Callable[..., Any], Plan | None], Plan]
"""Makes the plan of a function, joined with the one that it has if it is tracked already."""


def _decorator(first: Any, make_plan: MakePlan) -> Any:
    """Return a decorator; or, without parentheses, what it makes of the function that stands in the first argument's place."""

    def decorate(function: Any) -> Any:
        with never_raise("decorating a function"):
            return _decorated(function, make_plan)
        return function

    return decorate(first) if callable(first) or isinstance(first, classmethod) else decorate


def _decorated(function: Any, make_plan: MakePlan) -> Any:
    if isinstance(function, classmethod | staticmethod):
        return type(function)(_decorated(function.__func__, make_plan))
    if inspect.isclass(function) or not callable(function):
        raise TypeError(f"only functions and methods can be tracked, not {function!r}")
    return wrap(make_plan(function, plan_of(function)))


def _name_given(name: Any) -> str | None:
    if name is None or isinstance(name, str):
        return name or None
    if not callable(name) and not isinstance(name, classmethod):
        warn_once(("name", type(name)), f"the name of a tracked function is a text, not {name!r}")
    return None


def _attribute(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) else str(value)


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function's job: its module (the script's file for a script) and its qualified name."""
    module = getattr(function, "__module__", None) or "unknown"
    if module == "__main__":
        # Every script is "__main__"; jobs are told apart by the script's own name.
        path = getattr(sys.modules["__main__"], "__file__", None)
        module = os.path.splitext(os.path.basename(path))[0] if path else module
    return f"{module}.{getattr(function, '__qualname__', type(function).__name__)}"
