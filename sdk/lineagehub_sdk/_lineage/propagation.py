"""Lineage across processes: `inject` writes where this code stands into headers, `extract` stands there again on the other side.

Two headers: W3C `traceparent` (of the current span), and `lineagehub-run`, the run and its root:

    lineagehub-run: 1;<run id>;<job namespace>;<job name>;<root's run id>;<root's job namespace>;<root's job name>

with namespaces and names percent-encoded. For child processes the same stands in the environment as TRACEPARENT and LINEAGEHUB_RUN,
beside OPENLINEAGE_PARENT_ID and OPENLINEAGE_ROOT_PARENT_ID, which dbt-ol and Airflow's macros have (`namespace/name/run id`).
"""

from __future__ import annotations

import contextvars
import functools
import os
import re
import sys
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, ParamSpec, TypeVar, overload

from lineagehub_sdk._guard import never_raise, warn_once
from lineagehub_sdk._lineage.context import CURRENT, Ancestor, RunIdentity
from lineagehub_sdk._telemetry import otel

P = ParamSpec("P")
R = TypeVar("R")

RUN_HEADER = "lineagehub-run"
TRACE_HEADER = "traceparent"
RUN_VARIABLE = "LINEAGEHUB_RUN"
PARENT_VARIABLE = "OPENLINEAGE_PARENT_ID"
ROOT_VARIABLE = "OPENLINEAGE_ROOT_PARENT_ID"
VERSION = "1"
LONGEST_HEADER = 4096
"""Characters of lineagehub-run; a longer one is none of ours."""
_CARRIED = {
    name.lower() for name in (RUN_HEADER, TRACE_HEADER, "tracestate", RUN_VARIABLE, PARENT_VARIABLE, ROOT_VARIABLE)
}
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


class RemoteRun(Ancestor):
    """A run of another process, that runs here are part of."""

    __slots__ = ("_identity", "_root", "ids")

    def __init__(self, identity: RunIdentity, root: RunIdentity, ids: tuple[str, str] | None) -> None:
        super().__init__()
        self._identity = identity
        self._root = root
        self.ids = ids
        """(trace id, span id) of its traceparent."""

    @property
    def identity(self) -> RunIdentity:
        """This run."""
        return self._identity

    @property
    def root_identity(self) -> RunIdentity:
        """The outermost run that it is part of."""
        return self._root


class Extracted:
    """What headers said: `with extract(headers):` runs inside are part of the run that they name, and spans of its trace."""

    def __init__(self, run: RemoteRun | None, carrier: Mapping[str, str]) -> None:
        self.run = run
        self._carrier = carrier
        self._before: Ancestor | None = None
        self._token: Any = None

    def __enter__(self) -> Extracted:
        with never_raise("entering a remote run"):
            self._before = CURRENT.get()
            if self.run is not None:
                CURRENT.set(self.run)
            self._token = _attach_trace(self._carrier)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with never_raise("leaving a remote run", strict=False):
            if self._token is not None:
                sys.modules["opentelemetry.context"].detach(self._token)
            if self.run is not None and CURRENT.get() is self.run:
                CURRENT.set(self._before)


Headers = TypeVar("Headers", bound=MutableMapping[str, str])


@overload
def inject(headers: None = None) -> dict[str, str]: ...


@overload
def inject(headers: Headers) -> Headers: ...


def inject(headers: Any = None) -> Any:
    """Add `lineagehub-run` and `traceparent` to headers (default: new ones), as far as there is a current run and a current span.

    Returns the headers. Never raises.
    """
    headers = {} if headers is None else headers
    with never_raise("injecting the run into headers"):
        ids = otel.current_ids() or remote_ids(CURRENT.get())
        if ids is not None:
            headers[TRACE_HEADER] = f"00-{ids[0]}-{ids[1]}-01"
        current = CURRENT.get()
        if current is not None:
            headers[RUN_HEADER] = _written(current)
    return headers


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment (default: a copy of this process's) in which a child's runs are part of the current run.

    For example `subprocess.run(command, env=child_environment())`: the SDK in the child reads LINEAGEHUB_RUN by itself, dbt-ol
    reads OPENLINEAGE_PARENT_ID. Never raises.
    """
    made = dict(os.environ if environment is None else environment)
    with never_raise("making a child's environment"):
        headers = inject()
        for header, variable in ((RUN_HEADER, RUN_VARIABLE), (TRACE_HEADER, "TRACEPARENT")):
            if header in headers:
                made[variable] = headers[header]
        current = CURRENT.get()
        if current is not None:
            for variable, run in ((PARENT_VARIABLE, current.identity), (ROOT_VARIABLE, current.root_identity)):
                # Its readers split at slashes, and know no escape.
                if "/" not in run.namespace + run.job_name:
                    made[variable] = f"{run.namespace}/{run.job_name}/{run.run_id}"
                else:
                    made.pop(variable, None)
    return made


def extract(headers: Mapping[str, Any]) -> Extracted:
    """Read `lineagehub-run` and `traceparent`; runs inside of `with extract(headers):` are part of the run that they name.

    The variables of `child_environment` will do, too: `extract({"OPENLINEAGE_PARENT_ID": "namespace/job/run id"})` is how a run of an
    orchestrator is named, with OPENLINEAGE_ROOT_PARENT_ID where that one is part of another. Names are found in any case, values may be
    bytes. Never raises: what is malformed is logged once, and left out; without any of them the `with` does nothing.
    """
    run: RemoteRun | None = None
    carrier: dict[str, str] = {}
    with never_raise("extracting the run from headers"):
        carrier = {
            str(name).lower(): value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for name, value in headers.items()
            if str(name).lower() in _CARRIED
        }
        run = _named_by(carrier)
    return Extracted(run, carrier)


def in_context(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function so that each call, in whatever thread, is part of the run (and the span) that is current now.

    Threads do not inherit contextvars: `executor.submit(in_context(load), day)`, `executor.map(in_context(load), days)`.
    """
    context = contextvars.copy_context()

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        # A copy for each call: one context cannot be entered by two threads at once.
        return context.copy().run(function, *args, **kwargs)

    return called


@functools.cache
def from_environment() -> RemoteRun | None:
    """Return the run that started this process, if its environment names one: LINEAGEHUB_RUN, else OPENLINEAGE_PARENT_ID."""
    with never_raise("reading the run of the environment"):
        return _named_by({name.lower(): value for name, value in os.environ.items()})
    return None


def remote_ids(ancestor: Ancestor | None) -> tuple[str, str] | None:
    """Return (trace id, span id) that came with a remote run: the trace goes on, with or without OpenTelemetry here."""
    return ancestor.ids if isinstance(ancestor, RemoteRun) else None


def _written(run: Ancestor) -> str:
    from urllib.parse import quote

    fields = [VERSION]
    for identity in (run.identity, run.root_identity):
        fields += [identity.run_id, quote(identity.namespace, safe=""), quote(identity.job_name, safe="")]
    return ";".join(fields)


def _named_by(carrier: Mapping[str, str]) -> RemoteRun | None:
    """Return the run that headers or variables name, the SDK's before OpenLineage's. `carrier`: by name in lower case."""
    trace = carrier.get(TRACE_HEADER)
    for name in (RUN_HEADER, RUN_VARIABLE):
        if text := carrier.get(name.lower()):
            return _read(text, trace, name)
    parent, root = (
        _openlineage_identity(text, name) if (text := carrier.get(name.lower())) else None
        for name in (PARENT_VARIABLE, ROOT_VARIABLE)
    )
    return RemoteRun(parent, root or parent, _ids(trace)) if parent is not None else None


def _read(text: str, trace: str | None, where: str) -> RemoteRun | None:
    from urllib.parse import unquote

    version, *fields = text.strip().split(";")
    if len(text) <= LONGEST_HEADER and version == VERSION and len(fields) >= 6:
        parent, root = (_identity(*(unquote(field) for field in fields[start : start + 3])) for start in (0, 3))
        if parent is not None and root is not None:
            return RemoteRun(parent, root, _ids(trace))
    warn_once(("malformed", where), f"{where} is malformed, and ignored: {text[:100]!r}")
    return None


def _openlineage_identity(text: str, where: str) -> RunIdentity | None:
    namespace, _, rest = text.strip().partition("/")
    job_name, _, run_id = rest.rpartition("/")
    identity = _identity(run_id, namespace, job_name)
    if identity is None:
        warn_once(("malformed", where), f"{where} is no namespace/name/run id, and ignored: {text[:100]!r}")
    return identity


def _identity(run_id: str, namespace: str, job_name: str) -> RunIdentity | None:
    try:
        canonical = str(uuid.UUID(run_id))
    except ValueError:
        return None
    return RunIdentity(canonical, namespace, job_name) if namespace and job_name else None


def _ids(trace: str | None) -> tuple[str, str] | None:
    if not trace:
        return None
    found = _TRACEPARENT.fullmatch(trace.strip().lower())
    if found is None or trace.strip().lower().startswith("ff"):
        warn_once(("malformed", TRACE_HEADER), f"traceparent is malformed, and ignored: {trace[:100]!r}")
        return None
    return found[1], found[2]


def _attach_trace(carrier: Mapping[str, str]) -> Any:
    """Make the span of a traceparent the current one, where OpenTelemetry is loaded; return what detaches it."""
    if "opentelemetry.trace" not in sys.modules or _ids(carrier.get(TRACE_HEADER)) is None:
        return None
    from opentelemetry import context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return context.attach(TraceContextTextMapPropagator().extract(carrier))
