"""`lineagehub doctor`: one line a check, and what to do about each that fails."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from lineagehub.errors import LineageHubError
from lineagehub.settings import Settings

if TYPE_CHECKING:
    from lineagehub.broker.topics import Difference


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: `status` is ok, warn or FAIL."""

    status: str
    name: str
    detail: str
    fix: str = ""


def command(
    url: str = typer.Option("http://127.0.0.1:8080", envvar="LINEAGEHUB_URL", help="The hub's web."),
    json_output: bool = typer.Option(False, "--json"),
) -> None:
    """Example: LINEAGEHUB_KAFKA_BROKERS=kafka:9092 lineagehub doctor"""
    from lineagehub.settings import load_settings
    from lineagehub.telemetry.logs import configure_logging

    configure_logging("error", "doctor")
    findings = asyncio.run(_examine(load_settings(), url))
    if json_output:
        print(json.dumps({"findings": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            print(f"{finding.status:<5} {finding.name:<12} {finding.detail}")
            if finding.fix:
                print(f"      fix: {finding.fix}")
    if any(finding.status == "FAIL" for finding in findings):
        raise typer.Exit(1)


async def _examine(settings: Settings, url: str) -> list[Finding]:
    checks: list[tuple[str, Callable[[], Awaitable[Finding]], str]] = [
        ("python", _python, "Use Python 3.11, 3.12 or 3.13."),
        ("kafka", lambda: _kafka(settings), "Start Kafka, or set LINEAGEHUB_KAFKA_BROKERS."),
        ("clickhouse", lambda: _clickhouse(settings), "Start ClickHouse, or set LINEAGEHUB_CLICKHOUSE_URL."),
        ("web", lambda: _web(url), "lineagehub up, or set LINEAGEHUB_URL."),
        ("api key", lambda: _api_key(url), "lineagehub bootstrap, then export LINEAGEHUB_API_KEY."),
    ]
    findings = []
    for name, check, fix in checks:
        began = time.monotonic()
        try:
            finding = await check()
        except (LineageHubError, OSError) as error:
            finding = Finding("FAIL", name, str(error), fix)
        waited = time.monotonic() - began
        findings.append(
            Finding(finding.status, finding.name, f"{finding.detail} ({waited * 1000:.0f} ms)", finding.fix)
        )
    return findings


async def _python() -> Finding:
    return Finding("ok", "python", sys.version.split()[0])


async def _kafka(settings: Settings) -> Finding:
    from lineagehub.broker.topics import check_topics

    differences = await check_topics(settings.kafka)
    if differences:
        return Finding("FAIL", "kafka", " ".join(map(str, differences)), _topics_fix(differences))
    return Finding("ok", "kafka", f"{settings.kafka.brokers}, topics as the contract says")


def _topics_fix(differences: Sequence[Difference]) -> str:
    """Return the next step: `topics apply` makes what is missing, and changes nothing that is there."""
    if any(difference.aspect == "missing" for difference in differences):
        return "lineagehub topics apply"
    first = differences[0]
    if first.aspect == "partitions":
        return f"kafka-topics.sh --alter --topic {first.topic} --partitions {first.expected}"
    change = f"--add-config {first.aspect}={first.expected}"
    return f"kafka-configs.sh --alter --entity-type topics --entity-name {first.topic} {change}"


async def _clickhouse(settings: Settings) -> Finding:
    from lineagehub.store.client import ClickHouse
    from lineagehub.store.migrate import plan

    async with ClickHouse(settings.clickhouse) as clickhouse:
        version = await clickhouse.ping()
        pending = await plan(clickhouse)
    if pending:
        return Finding("FAIL", "clickhouse", f"{version}, {len(pending)} migrations pending", "lineagehub migrate")
    return Finding("ok", "clickhouse", f"{version}, schema up to date")


async def _web(url: str) -> Finding:
    status, body = await asyncio.to_thread(_get, f"{url}/readyz", "")
    if status == 200:
        return Finding("ok", "web", f"{url} is ready")
    return Finding("FAIL", "web", f"{url}/readyz answers {status}: {body[:200]}", "Read which dependency it names.")


async def _api_key(url: str) -> Finding:
    key = os.environ.get("LINEAGEHUB_API_KEY", "")
    if not key:
        return Finding("warn", "api key", "LINEAGEHUB_API_KEY is not set", "export LINEAGEHUB_API_KEY=…")
    status, body = await asyncio.to_thread(_get, f"{url}/api/v1/namespaces?limit=1000", key)
    if status == 403:
        return Finding("ok", "api key", "the hub knows it; it only writes")
    if status != 200:
        return Finding("FAIL", "api key", f"the hub answers {status}: {body[:200]}", "lineagehub bootstrap")
    namespaces = json.loads(body)["namespaces"]
    unfinished = [one["name"] for one in namespaces if one["deleted_at"] and _age_seconds(one["deleted_at"]) > 120]
    if unfinished:
        detail = f"deleted, and their data are not gone yet: {', '.join(unfinished)}"
        return Finding("warn", "api key", detail, "Look whether the agents lineage-store and telemetry-store run.")
    count = "1,000 namespaces or more" if len(namespaces) == 1000 else f"{len(namespaces)} namespaces"
    return Finding("ok", "api key", f"the hub knows it; it sees {count}")


def _age_seconds(moment: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()


def _get(url: str, key: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310 the operator's own URL
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 the operator's own URL
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
