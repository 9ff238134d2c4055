"""The testing kit, as the tests of a pipeline use it: in pytest processes of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.sdk.answering import answering, nobody
from tests.sdk.conftest import HubDouble

pytest_plugins = ["pytester"]

PIPELINE = """
from lineagehub_sdk import configure, lineage_track, run

configure(hub_endpoint="{url}", api_key="lh_dev_none", flush_timeout=0.5)

@lineage_track("load_orders", inputs=["s3://raw/orders"], outputs=["postgres://db:5432/shop.public.orders"])
def load_orders(fail=False):
    if fail:
        raise ValueError("no such day")

def wrong():
    with run("wrong") as this_run:
        this_run.input({{"type": "no such type"}})
"""


@pytest.fixture
def pipelines(pytester: pytest.Pytester, hub_double: HubDouble) -> pytest.Pytester:
    """A project with a pipeline that names a running hub in its code."""
    pytester.makepyfile(pipeline=PIPELINE.format(url=hub_double.url))
    pytester.syspathinsert()
    return pytester


def _run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    others = [f"-pno:{name}" for name in ("anyio", "asyncio", "cacheprovider", "hypothesispytest", "timeout", "xdist")]
    return pytester.runpytest_subprocess(*others, *words)


def test_a_project_tests_its_lineage_by_the_fixture(pipelines: pytest.Pytester, hub_double: HubDouble) -> None:
    pipelines.makepyfile(
        """
        import pytest
        from pipeline import load_orders

        def test_complete(lineage):
            load_orders()
            event = lineage.assert_complete(
                "load_orders", inputs=["s3://raw/orders"], outputs=["postgres://db:5432/shop.public.orders"]
            )
            assert event["eventTime"].startswith("2026-01-01T00:00:00")
            assert event["run"]["runId"] == "00000000-0000-7000-8000-000000000001"
            assert [event["eventType"] for event in lineage.events] == ["START", "COMPLETE"]
            assert [dataset["name"] for dataset in lineage.inputs("load_orders")] == ["orders"]
            assert len(lineage.outputs("load_orders")) == 1

        def test_failed(lineage):
            with pytest.raises(ValueError):
                load_orders(fail=True)
            lineage.assert_failed("load_orders", match="no such day")

        def test_time_and_ids(lineage):
            load_orders()
            lineage.clock.advance(90)
            load_orders()
            assert [event["eventTime"][14:19] for event in lineage.events] == ["00:00", "00:00", "01:30", "01:30"]
            assert {event["run"]["runId"][-1] for event in lineage.events} == {"1", "2"}

        def test_each_test_begins_with_nothing(lineage):
            lineage.assert_nothing()
            load_orders()
            lineage.clear()
            lineage.assert_nothing()
        """
    )
    _run(pipelines).assert_outcomes(passed=4)
    assert hub_double.asked == 0


FAILING = {
    'lineage.assert_complete("load_order")': "there is no event of job 'load_order'; there are load_orders: START",
    'lineage.assert_failed("load_orders")': "did not end in FAIL: there are load_orders: START, COMPLETE",
    'lineage.assert_complete("load_orders", inputs=["s3://raw/other"])': "inputs of job 'load_orders' are",
    'lineage.assert_complete("load_orders", outputs=[])': "outputs of job 'load_orders' are",
    'lineage.assert_aborted("load_orders")': "did not end in ABORT",
    "lineage.assert_nothing()": "AssertionError: there are load_orders: START, COMPLETE",
    "wrong()": "ValueError: a dataset needs a namespace and a name",
}


def test_an_assertion_that_does_not_hold_says_what_there_is(pipelines: pytest.Pytester) -> None:
    tests = [f"def test_{number}(lineage):\n    load_orders()\n    {text}\n" for number, text in enumerate(FAILING)]
    pipelines.makepyfile("from pipeline import load_orders, wrong\n\n" + "\n".join(tests))
    result = _run(pipelines, "--tb=line")
    result.assert_outcomes(failed=len(FAILING))
    for says in FAILING.values():
        assert says in result.stdout.str()


def test_without_the_fixture_nothing_is_sent_either(pipelines: pytest.Pytester, hub_double: HubDouble) -> None:
    pipelines.makepyfile(
        """
        import lineagehub_sdk
        from pipeline import load_orders

        def test_it(capfd):
            load_orders()
            assert lineagehub_sdk.flush(5)
            assert capfd.readouterr().err == ""
        """
    )
    _run(pipelines).assert_outcomes(passed=1)
    assert hub_double.asked == 0


def test_a_marked_test_sends_and_the_next_does_not(
    pipelines: pytest.Pytester, hub_double: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGEHUB_URL", hub_double.url)
    pipelines.makepyfile(
        """
        import lineagehub_sdk, pytest

        @pytest.mark.lineagehub_send
        def test_marked():
            with lineagehub_sdk.run("sent"):
                pass
            assert lineagehub_sdk.flush(10)

        def test_unmarked():
            with lineagehub_sdk.run("not sent"):
                pass
            assert lineagehub_sdk.flush(10)
        """
    )
    _run(pipelines, "--strict-markers").assert_outcomes(passed=2)
    assert hub_double.names == ["sent", "sent"]


def test_asked_by_the_environment_all_tests_send(
    pipelines: pytest.Pytester, hub_double: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGEHUB_SEND", "true")
    pipelines.makepyfile("from pipeline import load_orders\n\ndef test_it():\n    load_orders()\n")
    _run(pipelines).assert_outcomes(passed=1)
    assert hub_double.names == ["load_orders"] * 2


async def test_a_client_in_a_test_asks_nobody_and_says_how_to(monkeypatch: pytest.MonkeyPatch) -> None:
    from lineagehub_sdk import APIError, LineageHubClient

    monkeypatch.setenv("PYTEST_VERSION", pytest.__version__)
    with answering(200, b"{}") as server:
        async with LineageHubClient(server.url) as client:
            assert (await client.send_lineage_events([{"job": {}}])).accepted == 1
            with pytest.raises(APIError, match="LINEAGEHUB_SEND=true asks it"):
                await client.health_check()
    assert server.asked == []


def test_the_plugin_imports_no_third_party_module_but_pytest(pytester: pytest.Pytester) -> None:
    script = pytester.makepyfile(
        looking="""
        import sys
        import pytest
        before = set(sys.modules)
        import lineagehub_sdk.testing
        new = {name.split(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
        assert new == {"lineagehub_sdk"}, new
        """
    )
    result = pytester.run(sys.executable, Path(script))
    assert result.ret == 0, result.stderr.str()


def test_a_project_without_a_hub_is_quiet(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(pipeline=PIPELINE.format(url=nobody()))
    pytester.makepyfile("from pipeline import load_orders\n\ndef test_it():\n    load_orders()\n")
    result = _run(pytester)
    result.assert_outcomes(passed=1)
    assert "lineagehub:" not in result.stdout.str() + result.stderr.str()
