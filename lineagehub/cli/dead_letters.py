"""`lineagehub dead-letters list|show|redrive|drop`, over HTTP: what could not be stored, why, and what is to become of it."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import typer

from lineagehub.cli._hub import API_KEY, JSON_OUTPUT, URL, YES, HubClient, ask, path_to, show, table
from lineagehub.contract.reasons import Reason
from lineagehub.errors import Unavailable

PROGRESS_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
"""How long a command waits for letters that another re-drive has, and for agents that are behind."""
PAUSE_SECONDS = 1.0
PAGE = 1_000

command = typer.Typer(no_args_is_help=True)

NAMESPACE: str = typer.Argument(
    help="The namespace; _operator for records whose writer is not proved (an operator's key)."
)
REASON: list[Reason] = typer.Option([], help="Only these; may be repeated.")
TOPIC: str = typer.Option("", help="Only what died on this topic.")
FROM: str = typer.Option("", "--from", help="The broker took it at or after this, such as 2026-01-31T12:00:00Z.")
TO: str = typer.Option("", "--to", help="And before this.")
ID: list[str] = typer.Option([], "--id", help="Only this letter; may be repeated.")
DRY_RUN: bool = typer.Option(False, "--dry-run", help="Only say how many.")


@command.command("list")
def list_(
    namespace: str = NAMESPACE,
    reason: list[Reason] = REASON,
    state: str = typer.Option("open", help="open, redriving, redriven, dropped or all."),
    topic: str = TOPIC,
    from_: str = FROM,
    to: str = TO,
    limit: int = typer.Option(100, min=1, max=100_000, help="The newest so many."),
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """List dead letters, newest first. Example: lineagehub dead-letters list team-a --reason schema_invalid"""
    query: list[tuple[str, str]] = [("reason", one.value) for one in reason]
    bounds = {"topic": topic, "from": from_, "to": to, "state": "" if state == "all" else state}
    query += [(name, value) for name, value in bounds.items() if value]
    hub, cursor = HubClient(url, api_key), ""
    found: list[dict[str, Any]] = []
    progress = _Progress()
    while len(found) < limit:
        more = [("limit", str(min(PAGE, limit - len(found)))), *([("cursor", cursor)] if cursor else [])]
        page = hub.get(f"{path_to(namespace, 'dead-letters')}?{urlencode(query + more)}").document
        found += page["letters"]
        progress(f"{len(found)} letters read…")
        cursor = page["nextCursor"]
        if not cursor:
            break
    rows: list[tuple[object, ...]] = [
        (one["at"], one["state"], one["reason"], one["attempts"], one["size"], one["id"], _short(one["detail"]))
        for one in found
    ]
    heads = ("TIME", "STATE", "REASON", "ATTEMPTS", "BYTES", "ID", "DETAIL")
    show({"letters": found}, json_output, table(heads, rows) if rows else "There are none.")


@command.command("show")
def show_(
    namespace: str = NAMESPACE,
    letter: str = typer.Argument(help="Its id, as `list` shows it."),
    content: str = typer.Option("", help="Write its bytes to this file; - for the standard output, and nothing else."),
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Show one, or get its bytes. Example: lineagehub dead-letters show team-a ID --content record.bin"""
    hub, path = HubClient(url, api_key), path_to(namespace, "dead-letters", letter)
    if content:
        value = hub.download(f"{path}/content")
        if content == "-":
            sys.stdout.buffer.write(value)
            return
        Path(content).write_bytes(value)
    document = hub.get(path).document
    show(document, json_output, "\n".join(f"{name:<12} {_text(value)}" for name, value in document.items()))


@command.command("redrive")
def redrive(
    namespace: str = NAMESPACE,
    reason: list[Reason] = REASON,
    topic: str = TOPIC,
    from_: str = FROM,
    to: str = TO,
    letter: list[str] = ID,
    limit: int = typer.Option(1_000_000, min=1, help="The oldest so many."),
    on_failure: str = typer.Option(
        "reinsert",
        help="What fails again: reinsert leaves it as a letter with one attempt more; stop ends with the first lot of 1,000 that"
        " has one; drop drops it.",
    ),
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Send them again, each at most three times. Example: lineagehub dead-letters redrive team-a --reason store_rejected"""
    hub, path = HubClient(url, api_key), path_to(namespace, "dead-letters", "redrive")
    # What fails again while the command runs is not sent a second time by it.
    to = to or datetime.now(UTC).isoformat()
    wanted = _wanted(reason, topic, from_, to, letter) | {"on_failure": on_failure}
    counts = hub.send("POST", path, wanted | {"dry_run": True}).document
    if dry_run or not counts["left"] + counts["claimed"]:
        show(counts, json_output, f"{counts['left']} would be re-driven, {counts['exhausted']} can only be dropped.")
        return
    ask(f"Re-drive {min(limit, counts['left'] + counts['claimed'])} dead letters of {namespace}?", yes)
    done = _redrive_all(hub, path, wanted, limit, on_failure)
    show(done, json_output, _sentence(done))
    if done["stopped"] or done["unsent"]:
        raise typer.Exit(1)


@command.command("drop")
def drop(
    namespace: str = NAMESPACE,
    reason: list[Reason] = REASON,
    topic: str = TOPIC,
    from_: str = FROM,
    to: str = TO,
    letter: list[str] = ID,
    why: str = typer.Option("", help="For whoever reads the audit log."),
    dry_run: bool = DRY_RUN,
    yes: bool = YES,
    url: str = URL,
    api_key: str = API_KEY,
    json_output: bool = JSON_OUTPUT,
) -> None:
    """Drop them: they are not open any more. Example: lineagehub dead-letters drop team-a --reason invalid_json --yes"""
    hub, path = HubClient(url, api_key), path_to(namespace, "dead-letters", "drop")
    wanted = _wanted(reason, topic, from_, to, letter)
    first = hub.send("POST", path, wanted | {"dry_run": True}).document["dropped"]
    many = f"{first} or more" if first == PAGE else str(first)
    if dry_run or not first:
        show({"dropped": first, "dry_run": True}, json_output, f"{many} would be dropped.")
        return
    ask(f"Drop {many} dead letters of {namespace}?", yes)
    dropped, progress = 0, _Progress()
    while some := _patiently(lambda: hub.send("POST", path, wanted | {"why": why}).document["dropped"]):
        dropped += some
        progress(f"{dropped} dropped…")
    show({"dropped": dropped, "dry_run": False}, json_output, f"{dropped} dropped.")


def _redrive_all(hub: HubClient, path: str, wanted: dict[str, Any], limit: int, on_failure: str) -> dict[str, Any]:
    """Re-drive lot after lot until nothing is left, or the limit or a reason to stop is reached."""
    done: Counter[str] = Counter()
    unsent: dict[str, str] = {}
    progress, stopped = _Progress(), False
    waiting_since = time.monotonic()
    last: dict[str, Any] = {}
    while done["redriven"] < limit and not stopped:
        lot = {"limit": min(PAGE, limit - done["redriven"])}
        last = _patiently(lambda lot=lot: hub.send("POST", path, wanted | lot).document)
        done.update({name: last[name] or 0 for name in ("redriven", "found", "returned", "dropped")})
        unsent |= {one["id"]: one["detail"] for one in last["unsent"]}
        progress(f"{done['redriven']} re-driven, {last['left']} to go…")
        stopped = on_failure == "stop" and bool(last["returned"])
        if last["redriven"] or last["found"]:
            waiting_since = time.monotonic()
        elif time.monotonic() - waiting_since > PATIENCE_SECONDS:
            break
        if not last["left"]:
            if last["claimed"] <= len(unsent):
                break
            progress(f"{last['claimed']} are with another re-drive, or with one that died; waiting for them…")
            time.sleep(PAUSE_SECONDS)
    return {
        **{name: done[name] for name in ("redriven", "found", "returned", "dropped")},
        "unsent": unsent,
        "stopped": stopped,
        **{name: last[name] for name in ("left", "claimed", "exhausted")},
    }


def _patiently(send: Any) -> Any:
    """Send until the hub is not behind, for some time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return send()
        except Unavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)


def _wanted(reasons: list[Reason], topic: str, from_: str, to: str, letters: list[str]) -> dict[str, Any]:
    """Return the filter."""
    given: dict[str, Any] = {
        "reasons": [one.value for one in reasons],
        "topic": topic,
        "from": from_,
        "ids": letters,
        "to": to,
    }
    return {name: value for name, value in given.items() if value}


def _sentence(done: dict[str, Any]) -> str:
    parts = [f"{done['redriven'] + done['found']} re-driven"]
    if done["returned"]:
        parts.append(f"{done['returned']} of them failed again{', dropped' if done['dropped'] else ''}")
    if done["unsent"]:
        parts.append(f"{len(done['unsent'])} not taken by Kafka ({next(iter(done['unsent'].values()))})")
    if done["left"]:
        parts.append(f"{done['left']} left")
    if done["exhausted"]:
        parts.append(f"{done['exhausted']} can only be dropped")
    return ", ".join(parts) + "."


def _short(detail: str) -> str:
    return detail if len(detail) <= 100 else detail[:99] + "…"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else str(value)


class _Progress:
    """Says every two seconds how far it is, on the standard error."""

    def __init__(self) -> None:
        self._told_at = time.monotonic()

    def __call__(self, sentence: str) -> None:
        if time.monotonic() - self._told_at >= PROGRESS_SECONDS:
            self._told_at = time.monotonic()
            print(sentence, file=sys.stderr, flush=True)
