"""Marquez's words for what the hub knows: times, UUIDs, names, types."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from lineagehub.store.queries.marquez.identities import dataset_version, job_uuid, job_version
from lineagehub.store.queries.marquez.instants import instant, instant_sent
from lineagehub.store.queries.marquez.jobs import job_type, simple_name
from lineagehub.store.queries.marquez.stats import days_of_week, hours_of_day


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2024-03-01T10:00:00.000000Z", "2024-03-01T10:00:00Z"),
        ("2024-03-01T10:00:00.500000Z", "2024-03-01T10:00:00.500Z"),
        ("2024-03-01T10:00:00.123450Z", "2024-03-01T10:00:00.123450Z"),
        ("2024-03-01T10:00:00Z", "2024-03-01T10:00:00Z"),
        ("", None),
        (None, None),
    ],
)
def test_times_are_written_as_java_does(text: str | None, wanted: str | None) -> None:
    assert instant(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2024-03-01T10:00:00+05:45", "2024-03-01T04:15:00Z"),
        ("2024-03-01T10:00:00", "2024-03-01T10:00:00Z"),
        ("0001-01-01T00:00:00+23:00", None),
        ("at noon", None),
        ("", None),
    ],
)
def test_times_that_producers_send_may_lack_a_zone_or_be_none(text: str, wanted: str | None) -> None:
    assert instant_sent(text) == wanted


def test_uuids_stay_and_no_two_names_share_one() -> None:
    assert job_uuid(("a", "b")) == job_uuid(("a", "b"))
    assert uuid.UUID(job_uuid(("a", "b"))).version == 5
    assert len({job_uuid(("a", "b,c")), job_uuid(("a,b", "c")), job_uuid(('a","b', "c"))}) == 3
    assert dataset_version(("a", "b"), "r1") != dataset_version(("a", "b"), "r2")


def test_a_jobs_version_is_its_sets_of_datasets() -> None:
    job, one, two = ("ns", "job"), ("s3://lake", "one"), ("s3://lake", "two")
    assert job_version(job, [one, two], []) == job_version(job, [two, one, one], [])
    versions = {job_version(job, [one], [two]), job_version(job, [two], [one]), job_version(job, [one, two], [])}
    assert len(versions) == 3


def test_a_simple_name_is_without_the_parents() -> None:
    assert simple_name(("ns", "dag.task.x"), ("other", "dag")) == "task.x"
    assert simple_name(("ns", "dag.task"), None) == "dag.task"
    assert simple_name(("ns", "task"), ("ns", "dag")) == "task"


def test_processing_types_become_marquezs() -> None:
    assert [job_type(text) for text in ("STREAMING", "BATCH", "SERVICE", "", None)] == [
        "STREAM",
        "BATCH",
        "SERVICE",
        "BATCH",
        "BATCH",
    ]


def test_a_day_that_changes_the_clock_is_as_long_as_it_was() -> None:
    now = datetime(2024, 4, 1, 12, tzinfo=UTC)
    days = days_of_week(now, ZoneInfo("Europe/Berlin"))
    assert [(day.end - day.start) // 3600 for day in days] == [24, 24, 24, 24, 24, 23, 24]
    assert days[-1].labels == ("2024-04-01T00:00:00Z", "2024-04-02T00:00:00Z")
    hours = hours_of_day(datetime(2024, 4, 1, 12, 59, 59, tzinfo=UTC))
    assert (hours[0].labels[0], hours[-1].labels[1]) == ("2024-03-31T13:00:00Z", "2024-04-01T13:00:00Z")
