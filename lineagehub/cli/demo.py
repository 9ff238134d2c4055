"""`lineagehub demo`: a small ML pipeline through a running hub, by HTTP and straight to Kafka, and what arrived where."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import asdict, dataclass
from typing import Any

import typer

from lineagehub.errors import ConfigurationError, Unavailable

WAIT_SECONDS = 60.0
PAUSE_SECONDS = 0.3
STAGES = ("ingest", "features", "train", "evaluate")


@dataclass(frozen=True, slots=True)
class SentRun:
    """One run of the demo: its job, the transport that carried it, and its trace."""

    transport: str
    job: str
    run_id: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """What the hub shows of a run: state, events stored (of 2), spans of its trace and whether its own span is among them."""

    run: SentRun
    state: str
    events: int
    spans: int
    own_span: bool

    @property
    def complete(self) -> bool:
        """Whether all of it is visible."""
        return self.state == "COMPLETED" and self.events == 2 and self.own_span and self.spans == len(STAGES) + 1


def command(
    url: str = typer.Option("http://127.0.0.1:8080", envvar="LINEAGEHUB_URL", help="The hub's web."),
    api_key: str = typer.Option("", envvar="LINEAGEHUB_API_KEY", help="A key that may write and read."),
    namespace: str = typer.Option("demo", envvar="LINEAGEHUB_NAMESPACE", help="The key's namespace."),
    kafka: str = typer.Option("", envvar="LINEAGEHUB_KAFKA_BROKERS", help="Also straight to this Kafka, signed."),
    json_output: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Example: LINEAGEHUB_API_KEY=lh_dev_… lineagehub demo"""
    if not api_key:
        raise ConfigurationError("LINEAGEHUB_API_KEY is not set.", "lineagehub up   (it prints a key)")
    _require_hub(url)
    transports = ["http", *(["kafka"] if kafka else [])]
    sent = [run for transport in transports for run in _send(transport, url, api_key, namespace, kafka)]
    typer.echo(f"{len(sent)} runs are sent; waiting until they can be read (a few seconds)…", err=True)
    arrived = _wait(url, api_key, sent)
    complete = all(entry.complete for entry in arrived)
    if json_output:
        report = {"complete": complete, "sent": [asdict(run) for run in sent], "arrived": [asdict(e) for e in arrived]}
        print(json.dumps(report))
    else:
        _show(url, api_key, arrived)
    if not complete:
        raise typer.Exit(1)


def _send(transport: str, url: str, api_key: str, namespace: str, kafka: str) -> list[SentRun]:
    """Run the pipeline once through one transport; return its runs."""
    try:
        import lineagehub_sdk as sdk
        from lineagehub_sdk.telemetry import configure_telemetry
    except ImportError as error:
        raise ConfigurationError(f"The demo needs the SDK ({error}).", "pip install 'lineagehub[demo]'") from error

    config = sdk.configure(
        hub_endpoint=url,
        api_key=api_key,
        namespace=namespace,
        kafka_brokers=kafka,
        transport=transport,
        job_namespace="demo",
        spool_size=0,
    )
    provider = configure_telemetry(f"demo-{transport}", config)
    pipeline = f"houses_{transport}_{uuid.uuid4().hex[:6]}"
    lake = f"s3://lake/{pipeline}"
    sources = dict(zip(STAGES, ("raw", "features", "model", "report"), strict=True))
    runs: list[Any] = []
    with sdk.run(pipeline, description="LineageHub's demo.") as whole:
        runs.append((whole, _trace_id()))
        source = f"https://example.com/{pipeline}.csv"
        for stage in STAGES:
            target = f"{lake}/{sources[stage]}"
            with sdk.run(f"{pipeline}.{stage}", inputs=[source], outputs=[target]) as run:
                runs.append((run, _trace_id()))
            source = target
    provider.shutdown()
    if not sdk.flush(30):
        raise Unavailable(transport, f"Not everything could be sent by {transport}.")
    return [SentRun(transport, run.job_name, run.run_id, trace_id) for run, trace_id in runs]


def _trace_id() -> str:
    from lineagehub_sdk._telemetry.otel import current_ids

    ids = current_ids()
    return ids[0] if ids else ""


def _wait(url: str, api_key: str, sent: list[SentRun]) -> list[Arrived]:
    deadline = time.monotonic() + WAIT_SECONDS
    arrived = [_look(url, api_key, run) for run in sent]
    while not all(entry.complete for entry in arrived) and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
        arrived = [entry if entry.complete else _look(url, api_key, entry.run) for entry in arrived]
    return arrived


def _look(url: str, api_key: str, run: SentRun) -> Arrived:
    found = _get(url, f"/api/v1/jobs/runs/{run.run_id}", api_key)
    events = _get(url, "/api/v1/events/lineage?limit=1000", api_key) or {"events": []}
    trace = _get(url, f"/api/v1/traces/{run.trace_id}", api_key) or {"spans": []}
    stored = [event for event in events["events"] if event.get("run", {}).get("runId") == run.run_id]
    own = any(span["SpanAttributes"].get("lineage.run_id") == run.run_id for span in trace["spans"])
    return Arrived(run, found["state"] if found else "not yet", len(stored), len(trace["spans"]), own)


def _show(url: str, api_key: str, arrived: list[Arrived]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.tree import Tree

    console = Console()
    table = Table(title="What arrived where")
    for heading in ("transport", "job", "state", "events", "spans", "trace id"):
        table.add_column(heading, overflow="fold")
    for entry in arrived:
        run = entry.run
        mark = "" if entry.complete else "  (incomplete)"
        table.add_row(
            run.transport, run.job, entry.state + mark, f"{entry.events} of 2", str(entry.spans), run.trace_id
        )
    console.print(table)
    for first in [entry.run for entry in arrived if entry.run.job.endswith(f".{STAGES[0]}")]:
        node = f"job:demo:{first.job}"
        answer = _get(url, "/api/v1/lineage?" + urllib.parse.urlencode({"nodeId": node, "depth": 20}), api_key)
        nodes = {entry["id"]: entry for entry in answer["graph"]} if answer else {}
        roots = [entry for entry in nodes.values() if not entry["inEdges"]]
        for root in roots:
            tree = Tree(root["id"])
            _grow(tree, root, nodes, {root["id"]})
            console.print(tree)
    console.print(
        f"\nAll of it is there. Next:  open {url}/docs"
        if all(e.complete for e in arrived)
        else "\nNot everything arrived: lineagehub doctor"
    )


def _grow(tree: Any, node: dict[str, Any], nodes: dict[str, Any], seen: set[str]) -> None:
    for edge in node["outEdges"]:
        target = edge["destination"]
        branch = tree.add(target)
        if target in nodes and target not in seen:
            seen.add(target)
            _grow(branch, nodes[target], nodes, seen)


def _require_hub(url: str) -> None:
    try:
        _get(url, "/api/v1/health", "")
    except OSError as error:
        raise Unavailable("web", f"No hub answers at {url} ({error}); start one with: lineagehub up.") from error


def _get(url: str, path: str, api_key: str) -> Any:
    """Return the decoded answer, or None for 404. Raises ConfigurationError for a key that is refused."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    request = urllib.request.Request(url.rstrip("/") + path, headers=headers)  # noqa: S310 the user's own URL
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 the user's own URL
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        if error.code in (401, 403):
            raise ConfigurationError(
                f"The hub refuses the key ({error.code}).", "lineagehub up prints a fresh one."
            ) from error
        raise Unavailable("web", f"The hub answers {error.code} to {path}.") from error
