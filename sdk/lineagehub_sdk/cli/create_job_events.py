"""`lineagehub-sdk create-job-events`: a job's START and COMPLETE, for steps that no SDK is in: shell scripts, copies, loads by hand."""

from __future__ import annotations

import argparse
import json
import sys
import uuid

from lineagehub_sdk import _clock
from lineagehub_sdk._client import configure as configure_sdk
from lineagehub_sdk._lineage.datasets import to_openlineage
from lineagehub_sdk._lineage.job import Job
from lineagehub_sdk._lineage.propagation import from_environment
from lineagehub_sdk._lineage.run_event import RunEvent
from lineagehub_sdk.cli._arguments import CommandParser
from lineagehub_sdk.cli._failures import UsageFailure
from lineagehub_sdk.cli._hub import send_events


def configure(parser: CommandParser) -> None:
    """Say the arguments."""
    parser.example(
        "lineagehub-sdk create-job-events --job-name nightly-copy --input s3://raw/orders --output /srv/orders.csv"
    )
    parser.add("--job-name", required=True, help="the job's name")
    parser.add(
        "--namespace", "-n", "--job-namespace", dest="job_namespace", help="OpenLineage's [LINEAGEHUB_JOB_NAMESPACE]"
    )
    parser.add("--input", "-i", action="append", default=[], metavar="DATASET", help="may be given several times")
    parser.add("--output", "-o", action="append", default=[], metavar="DATASET", help="may be given several times")
    parser.add("--tag", action="append", default=[], metavar="NAME=VALUE", help="may be given several times")
    parser.add("--description", help="what the job does")
    parser.add("--run-id", metavar="UUID", help="default: a new one")
    parser.add("--dry-run", action="store_true", help="print what would be sent")
    parser.add_hub(namespace=False)


def run(options: argparse.Namespace) -> int:
    """Make and send."""
    run_id = _run_id(options.run_id)
    parent = from_environment()
    namespace = options.job_namespace or configure_sdk().job_namespace
    job = Job(
        options.job_name,
        namespace=namespace,
        inputs=[_dataset(text) for text in options.input],
        outputs=[_dataset(text) for text in options.output],
        description=options.description,
        tags=dict(map(_tag, options.tag)),
        run_id=run_id,
    )
    run_facets = {"parent": parent.as_parent()} if parent is not None else {}
    events = [
        RunEvent(state, _clock.now(), run_id, run_facets, job, namespace, job.facets, job.inputs, job.outputs).to_dict()
        for state in ("START", "COMPLETE")
    ]
    if not options.quiet:
        print(f"run {run_id}", file=sys.stderr)
    return send_events(options, events)


def _run_id(text: str | None) -> str:
    try:
        return str(uuid.UUID(text)) if text else _clock.new_id()
    except ValueError as error:
        raise UsageFailure(f"--run-id {text} is no UUID.") from error


def _tag(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageFailure(f"--tag {text} is none: it should be NAME=VALUE.")
    return name, value


def _dataset(text: str) -> dict[str, object]:
    """Read a dataset: a short string, or JSON `{type, name, format, namespace}`."""
    try:
        return to_openlineage(json.loads(text) if text.lstrip().startswith("{") else text)
    except (TypeError, ValueError) as error:
        raise UsageFailure(f"{text!r} is no dataset: {error}.") from error
