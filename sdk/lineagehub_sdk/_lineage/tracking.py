"""Calls of functions, tracked: sync, async, generators and async generators. What `lineage_track` and `telemetry_track` share.

The wrappers hold a Plan, which holds plain values, and no client: tracked functions can be pickled to other processes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from typing import Any

from lineagehub_sdk._client import flush
from lineagehub_sdk._guard import never_raise, swallows
from lineagehub_sdk._lineage.job import Job
from lineagehub_sdk._lineage.run import Run, state_of
from lineagehub_sdk._telemetry.otel import SpanOptions
from lineagehub_sdk._telemetry.tracked_span import TrackedSpan

PLAN = "__lineagehub_plan__"

Scope = Run | TrackedSpan | None


class Plan:
    """What each call of a function is: a run of `job`, a span, or a run with its span."""

    __slots__ = ("function", "job", "namespace", "send_async", "span")

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        job: Job | None = None,
        span: SpanOptions | None = None,
        namespace: str | None = None,
        send_async: bool = True,
    ) -> None:
        self.function = function
        self.job = job
        self.span = span
        self.namespace = namespace
        self.send_async = send_async

    def begin(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope:
        """Begin a call."""
        scope: Scope = None
        try:
            if self.job is not None:
                scope = Run(self.job, self.span)
                if self.job.compute_inputs is not None:
                    with never_raise("computing the inputs"):
                        scope.add_computed(inputs=self.job.compute_inputs(_arguments(self.function, args, kwargs)))
            elif self.span is not None:
                scope = TrackedSpan(self.span, self.namespace)
            if scope is not None:
                scope.start()
        except Exception as error:
            if not swallows("beginning a run", error):
                raise
        return scope

    def end(
        self,
        scope: Scope,
        error: BaseException | None,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        result: Any = None,
        state: str | None = None,
    ) -> None:
        """End a call, which returned `result` or raised `error`; `state` is what its end means, if not that."""
        if scope is None:
            return
        state = state or ("COMPLETE" if error is None else state_of(error))
        job = self.job
        if job is not None and job.compute_outputs is not None and state == "COMPLETE" and isinstance(scope, Run):
            with never_raise("computing the outputs"):
                scope.add_computed(outputs=job.compute_outputs(_arguments(self.function, args, kwargs), result))
        scope.finish(error, state)

    def flush(self) -> None:
        """Wait for the hub, if the user asked to."""
        if not self.send_async:
            with never_raise("flushing", strict=False):
                flush()

    async def flush_in_thread(self) -> None:
        """As `flush`, and leave the event loop free."""
        if not self.send_async:
            import asyncio

            with never_raise("flushing", strict=False):
                await asyncio.to_thread(flush)


def plan_of(function: Any) -> Plan | None:
    """Return the plan of a function that is tracked, and not only wrapped around one that is."""
    plan = getattr(function, PLAN, None)
    is_its_wrapper = isinstance(plan, Plan) and getattr(function, "__wrapped__", None) is plan.function
    return plan if is_its_wrapper else None


def wrap(plan: Plan) -> Callable[..., Any]:
    """Return the function of a plan, tracked. It stays what it is: a generator function, a coroutine function."""
    function = plan.function
    wrapper: Callable[..., Any]
    if inspect.isasyncgenfunction(function):
        wrapper = _async_generator(plan)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(plan)
    elif inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None)):  # noqa: B004 an object may be async to call
        wrapper = _async_function(plan)
    else:
        wrapper = _function(plan)
    functools.update_wrapper(wrapper, function)
    setattr(wrapper, PLAN, plan)
    return wrapper


def _function(plan: Plan) -> Callable[..., Any]:
    function = plan.function

    def tracked(*args: Any, **kwargs: Any) -> Any:
        scope = plan.begin(args, kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            plan.end(scope, error, args, kwargs)
            plan.flush()
            raise
        plan.end(scope, None, args, kwargs, result)
        plan.flush()
        return result

    return tracked


def _async_function(plan: Plan) -> Callable[..., Any]:
    function = plan.function

    async def tracked(*args: Any, **kwargs: Any) -> Any:
        scope = plan.begin(args, kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            plan.end(scope, error, args, kwargs)
            # A coroutine that is being closed may not wait any more.
            if not isinstance(error, GeneratorExit):
                await plan.flush_in_thread()
            raise
        plan.end(scope, None, args, kwargs, result)
        await plan.flush_in_thread()
        return result

    return tracked


def _generator(plan: Plan) -> Callable[..., Any]:
    function = plan.function

    def tracked(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        scope = plan.begin(args, kwargs)
        try:
            body = function(*args, **kwargs)
        except BaseException as error:
            plan.end(scope, error, args, kwargs)
            raise
        step: Callable[[Any], Any] = body.send
        value: Any = None
        closed = False
        while True:
            try:
                item = step(value)
            except StopIteration as end:
                plan.end(scope, None, args, kwargs, end.value, "ABORT" if closed else None)
                plan.flush()
                return end.value
            except BaseException as error:
                plan.end(scope, error, args, kwargs)
                plan.flush()
                raise
            if scope is not None:
                scope.suspend()
            try:
                value = yield item
                step = body.send
            except BaseException as thrown:
                step, value, closed = body.throw, thrown, isinstance(thrown, GeneratorExit)
            if scope is not None:
                scope.resume()

    return tracked


def _async_generator(plan: Plan) -> Callable[..., Any]:
    function = plan.function

    async def tracked(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        scope = plan.begin(args, kwargs)
        try:
            body = function(*args, **kwargs)
        except BaseException as error:
            plan.end(scope, error, args, kwargs)
            raise
        step: Callable[[Any], Any] = body.asend
        value: Any = None
        closed = False
        while True:
            try:
                item = await step(value)
            except StopAsyncIteration:
                plan.end(scope, None, args, kwargs, None, "ABORT" if closed else None)
                await plan.flush_in_thread()
                return
            except BaseException as error:
                plan.end(scope, error, args, kwargs)
                if not isinstance(error, GeneratorExit):
                    await plan.flush_in_thread()
                raise
            if scope is not None:
                scope.suspend()
            try:
                value = yield item
                step = body.asend
            except BaseException as thrown:
                step, value, closed = body.athrow, thrown, isinstance(thrown, GeneratorExit)
            if scope is not None:
                scope.resume()

    return tracked


def _arguments(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a call's arguments by name, defaults included. Raises TypeError for a call that the function will refuse, too."""
    signature, positional, defaults = _parameters(function)
    if positional is not None:
        # What inspect does costs 20 us. A call that is wrong in another way than by its names is the function's to refuse.
        arguments = {**defaults, **dict(zip(positional, args, strict=False)), **kwargs}
        if arguments.keys() == signature.parameters.keys() and len(args) <= len(positional):
            return arguments
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)


@functools.lru_cache(maxsize=256)
def _parameters(function: Callable[..., Any]) -> tuple[inspect.Signature, tuple[str, ...] | None, dict[str, Any]]:
    """Return the signature, the names that positions stand for (None if it takes more than names), and the defaults."""
    signature = inspect.signature(function)
    parameters = signature.parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    if any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters):
        return signature, None, defaults
    return signature, tuple(each.name for each in parameters if each.kind is not each.KEYWORD_ONLY), defaults
