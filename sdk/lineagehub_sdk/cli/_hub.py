"""The hub, for commands: the configuration of the options, a client of it, and how its receipts are shown."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, replace
from typing import Any, TypeVar

from lineagehub_sdk._client import configure, current_config
from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.cli._failures import EXIT_CONFIGURATION, EXIT_FAILED, Failure
from lineagehub_sdk.clients import LineageHubClient, LineageReceipt

T = TypeVar("T")
EVENTS_A_REQUEST = 1_000
SHOWN_REJECTIONS = 20
QUIET_SECONDS = 2.0
"""How long a person waits without a word."""


def configured(options: argparse.Namespace, *, or_kafka: bool = False) -> LineageHubConfig:
    """Return the configuration with the command's options. A command is asked for: it sends under pytest, too.

    It must name a hub; with `or_kafka`, the kafka transport will do.
    """
    given = {name: getattr(options, name, None) for name in ("hub_endpoint", "api_key", "namespace")}
    config = configure(**given, send=True)
    if not config.hub_endpoint and not (or_kafka and "kafka" in config.transports):
        raise Failure(
            "LINEAGEHUB_URL is not set: there is no hub to ask.",
            "export LINEAGEHUB_URL=http://127.0.0.1:8080 LINEAGEHUB_API_KEY=… (`lineagehub up` prints both)",
            EXIT_CONFIGURATION,
        )
    return config


def with_client(options: argparse.Namespace, do: Callable[[LineageHubClient], Awaitable[T]]) -> T:
    """Return what is done with a client, which is closed then."""

    async def run() -> T:
        async with LineageHubClient(config=configured(options)) as client:
            return await do(client)

    return asyncio.run(run())


def send_events(options: argparse.Namespace, events: Iterable[dict[str, Any]]) -> int:
    """Send events and show what became of them; return the exit code. With --dry-run print them instead."""
    if options.dry_run or current_config().dry_run:
        for event in events:
            print(json.dumps(event))
        return 0
    if current_config().disabled:
        print("nothing is sent: the SDK is disabled (LINEAGEHUB_DISABLED)", file=sys.stderr)
        return 0
    return show_receipt(options, _send(configured(options), events, _Progress(options.quiet)))


def show_receipt(options: argparse.Namespace, receipt: LineageReceipt) -> int:
    """Show what became of events; return the exit code: all taken, or not."""
    if options.json:
        print(json.dumps(asdict(receipt)))
    elif not options.quiet:
        rejected = f", {receipt.rejected} refused" if receipt.rejected else ""
        print(
            f"{receipt.accepted} events taken{f' by namespace {receipt.namespace}' if receipt.namespace else ''}{rejected}"
        )
    for rejection in receipt.errors[:SHOWN_REJECTIONS]:
        print(rejection, file=sys.stderr)
    if len(receipt.errors) > SHOWN_REJECTIONS:
        print(f"… and {len(receipt.errors) - SHOWN_REJECTIONS} more (--json has all)", file=sys.stderr)
    return EXIT_FAILED if receipt.rejected else 0


def _send(config: LineageHubConfig, events: Iterable[dict[str, Any]], progress: _Progress) -> LineageReceipt:
    """Send events in requests of 1,000. They are read outside of the loop, where Ctrl-C ends the reading of a terminal."""
    total = LineageReceipt(0, 0, [], config.namespace)
    waiting = iter(events)
    try:
        with asyncio.Runner() as runner:
            client = LineageHubClient(config=config)
            while batch := list(itertools.islice(waiting, EVENTS_A_REQUEST)):
                total = _sum(total, runner.run(client.send_lineage_events(batch)))
                progress.show(total.accepted)
            runner.run(client.close())
    except Exception:
        if sent := total.accepted + total.rejected:
            print(f"the first {sent} events were sent; to send them again is harmless", file=sys.stderr)
        raise
    finally:
        progress.end()
    return total


def _sum(total: LineageReceipt, added: LineageReceipt) -> LineageReceipt:
    before = total.accepted + total.rejected
    errors = total.errors + [replace(error, index=error.index + before) for error in added.errors]
    return LineageReceipt(total.accepted + added.accepted, total.rejected + added.rejected, errors, added.namespace)


class _Progress:
    """Says how far it is, to a person only, and only when it takes longer."""

    def __init__(self, quiet: bool) -> None:
        self._next = time.monotonic() + QUIET_SECONDS if sys.stderr.isatty() and not quiet else float("inf")
        self._shown = False

    def show(self, count: int) -> None:
        """Say how many events are done, once a second."""
        now = time.monotonic()
        if now >= self._next:
            print(f"\r{count} events…", end="", file=sys.stderr, flush=True)
            self._next, self._shown = now + 1, True

    def end(self) -> None:
        """Leave the line."""
        if self._shown:
            print(file=sys.stderr)
