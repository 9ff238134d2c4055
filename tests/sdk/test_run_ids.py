"""Run ids are UUIDs of version 7, each once, also in forked children and from many threads."""

from __future__ import annotations

import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from lineagehub_sdk import _clock


def test_run_ids_are_uuids_of_version_7_with_the_time_in_front() -> None:
    before = time.time_ns() // 1_000_000
    ids = [uuid.UUID(_clock.new_id()) for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    assert {(each.version, each.variant) for each in ids} == {(7, uuid.RFC_4122)}
    assert all(before <= each.int >> 80 <= after for each in ids)
    # Every one of the 74 random bits is either way in some of them.
    seen_set, seen_unset = 0, 0
    for each in ids:
        seen_set, seen_unset = seen_set | each.int, seen_unset | ~each.int
    random_bits = 0xFFF << 64 | (1 << 62) - 1
    assert (seen_set & random_bits, seen_unset & random_bits) == (random_bits, random_bits)


def test_ids_are_each_made_once_by_many_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: _clock.new_id(), range(5_000)))
    assert len(set(ids)) == 5_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_makes_ids_of_its_own() -> None:
    _clock.new_id()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, "".join(_clock.new_id()[15:] for _ in range(99)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    childs = {text[start : start + 21] for start in range(0, len(text), 21)}
    assert len(childs) == 99
    assert not childs & {_clock.new_id()[15:] for _ in range(99)}
