"""Many processes and threads at once: each event arrives once, whoever emitted it and however its process was made."""

from __future__ import annotations

import collections

import pytest

from tests.sdk.conftest import HubDouble, Spooling

FORKED = """
import os, sys, threading
import lineagehub_sdk as sdk

def emit(worker, thread):
    for number in range({events}):
        sdk.emit({{"job": {{"namespace": "n", "name": f"{{worker}}-{{thread}}-{{number}}"}}}})

sdk.emit({{"job": {{"namespace": "n", "name": "before the fork"}}}})
children = []
for worker in range({workers}):
    child = os.fork()
    if not child:
        threads = [threading.Thread(target=emit, args=(worker, thread)) for thread in range({threads})]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        sys.exit(0)
    children.append(child)
sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""
WORKERS, THREADS, EVENTS = 8, 4, 625


@pytest.mark.slow
@pytest.mark.parametrize("absent", [False, True], ids=["with a hub", "without one at first"])
def test_20_000_events_of_8_forked_workers_with_4_threads_each_arrive_once(
    spooling: Spooling, hub_double: HubDouble, absent: bool
) -> None:
    hub_double.absent = absent
    output = spooling.run(FORKED.format(workers=WORKERS, threads=THREADS, events=EVENTS), LINEAGEHUB_FLUSH_TIMEOUT="60")
    assert "lost" not in output
    if absent:
        assert spooling.waiting() == WORKERS * THREADS * EVENTS + 1
        hub_double.absent = False
        spooling.run(
            "import lineagehub_sdk as sdk; sdk.emit({'job': {'namespace': 'n', 'name': 'last'}}); sdk.flush(60)"
        )
    times = collections.Counter(hub_double.names)
    expected = {f"{w}-{t}-{n}" for w in range(WORKERS) for t in range(THREADS) for n in range(EVENTS)}
    assert set(times) - {"last", "before the fork"} == expected
    assert set(times.values()) == {1}
    assert spooling.files() == []
