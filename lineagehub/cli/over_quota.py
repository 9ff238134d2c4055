"""`lineagehub over-quota redrive`: sends again what came straight to Kafka while its namespace was over quota. For an operator."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time

import typer

from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.control import READ_SECONDS, read_control
from lineagehub.errors import LineageHubError, Unavailable

command = typer.Typer(no_args_is_help=True)


class NoSuchNamespace(LineageHubError):
    """The namespace is not there."""

    next_step = "lineagehub namespaces list"


@command.callback()
def _over_quota() -> None:
    """Keeps `redrive` a command of its own while it is the only one."""


@command.command("redrive")
def redrive(
    namespace: str = typer.Argument(help="The namespace."),
    ignore_quota: bool = typer.Option(False, "--ignore-quota", help="All of it, though it is more than is left today."),
    json_output: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Example: lineagehub over-quota redrive team-a"""
    redriven = asyncio.run(_redrive(namespace, ignore_quota))
    if json_output:
        print(json.dumps(redriven))
        return
    print(f"Sent again: {redriven['sent']} records with {redriven['events']} events.")
    if redriven["refused"]:
        print(f"Refused, as the namespace did not write them: {redriven['refused']}.")
    if redriven["left"]:
        print(f"Left, as the day's quota takes no more: {redriven['left']}. Raise the limit, or repeat it tomorrow.")


async def _redrive(namespace: str, ignore_quota: bool) -> dict[str, int]:
    from lineagehub.auth.directory import Directory
    from lineagehub.auth.sealing import Sealer
    from lineagehub.broker.producer import Producer
    from lineagehub.contract.topics import USAGE
    from lineagehub.contract.usage import day_of
    from lineagehub.management.over_quota_redrive import Redriver
    from lineagehub.quota.daily import DailyQuota
    from lineagehub.quota.limits import limits_by_name
    from lineagehub.quota.usage_book import UsageBook
    from lineagehub.settings import load_settings
    from lineagehub.telemetry.logs import configure_logging

    configure_logging("error", "over-quota")
    settings = load_settings()
    sealer = Sealer(settings.require_secret_key())
    directory, book = Directory(sealer), UsageBook()
    await read_control(settings.kafka, directory.apply)
    if namespace not in directory.namespaces:
        raise NoSuchNamespace(f"There is no namespace {namespace[:100]!r}.")
    view = CompactedView(settings.kafka, settings.kafka.topic_name(USAGE), book.apply)
    await view.start()
    try:
        if not await view.wait_complete(READ_SECONDS):
            raise Unavailable("kafka", "The usage topic could not be read, so nobody knows what is left of the day.")
        quota = DailyQuota(book, limits_by_name(directory), lambda: True)
        room = quota.room(namespace, day_of(time.time_ns() // 1_000_000))
        async with Producer(settings.kafka) as producer:
            redriver = Redriver(settings.kafka, directory, sealer, producer, namespace)
            return dataclasses.asdict(await redriver.redrive(None if ignore_quota else room))
    finally:
        await view.stop()
