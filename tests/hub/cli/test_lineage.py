"""`lineagehub lineage delete`: what is wrong with a call, and what is away. What it deletes: tests/e2e/test_deletion.py."""

from __future__ import annotations

import pytest

from lineagehub.cli import main
from tests.support.hub import run_command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("table:a:b", "--namespace", "demo"), "nodeId must be job:{namespace}:{name}"),
        (("namespace:", "--namespace", "demo"), "namespace:{namespace}"),
        (("job:a:b", "--namespace", "No Such"), "cannot be the name of a namespace"),
        (("job:a:b",), "Missing option '--namespace'"),
    ],
)
def test_a_wrong_call_is_a_usage_error_that_says_what_is_right(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as exit_:
        main(["lineage", "delete", *arguments])
    assert exit_.value.code == 2
    assert said in capsys.readouterr().err


def test_without_a_broker_nothing_can_be_deleted() -> None:
    result = run_command(
        *("lineage", "delete", "job:a:b", "--namespace", "demo"),
        LINEAGEHUB_KAFKA_BROKERS="127.0.0.1:1",
        LINEAGEHUB_SECRET_KEY="a secret key of these tests, long enough",
    )
    assert result.returncode == 69
    assert "The backlog of lineage-store could not be read" in result.stderr
