"""The management commands where there is no hub to ask: wrong usage and wrong files are one sentence, and exit codes are as documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineagehub.cli import main
from tests.support.broker import free_port


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command in this process; return its exit code and what it says on stderr."""
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    code = caught.value.code
    assert isinstance(code, int)
    output = capsys.readouterr()
    assert output.out == ""
    return code, output.err


@pytest.fixture(autouse=True)
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, and a hub that does not answer."""
    monkeypatch.setenv("LINEAGEHUB_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("LINEAGEHUB_API_KEY", "lh_dev_x")


COMMANDS = [
    ("namespaces", "list"),
    ("namespaces", "delete", "team-a", "--yes"),
    ("keys", "create", "team-a", "--role", "writer"),
    ("limits", "show", "team-a"),
    ("audit", "team-a"),
    ("webhooks", "show", "team-a"),
    ("webhooks", "set", "team-a", "json=https://alerts.example.com/x?a=b"),
    ("webhooks", "clear", "team-a", "--yes"),
    ("webhooks", "test", "team-a"),
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_hub_that_is_away_is_69(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    code, said = run(capsys, *arguments)
    assert (code, "does not answer" in said, "next: lineagehub doctor" in said) == (69, True, True), said


def test_a_missing_key_is_78_and_says_where_one_comes_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LINEAGEHUB_API_KEY")
    code, said = run(capsys, "namespaces", "list")
    assert (code, "LINEAGEHUB_API_KEY is not set" in said, "lineagehub bootstrap" in said) == (78, True, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("namespaces", "set", "team-a"),
        ("namespaces", "set", "team-a", "--tag", "novalue"),
        ("namespaces", "delete", "team-a"),
        ("keys", "revoke", "team-a", "Examp1e0"),
        ("keys", "create", "team-a"),
        ("limits", "set", "team-a", "speed=7"),
        ("limits", "set", "team-a", "burst=-7"),
        ("limits", "set", "team-a", "burst"),
        ("webhooks", "set", "team-a"),
        ("webhooks", "set", "team-a", "teams=https://alerts.example.com/"),
        ("webhooks", "clear", "team-a"),
        ("apply",),
        ("audit", "team-a", "--action", "no.such"),
    ],
    ids=" ".join,
)
def test_a_wrong_usage_is_2_and_asks_nobody(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert run(capsys, *arguments)[0] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "wrong at the whole"),
        ("namespaces: []", "wrong at namespaces"),
        ("namespaces: [{name: A}]", "wrong at namespaces/0/name"),
        ("namespaces: [{name: team-a, retention: 7}]", "wrong at namespaces/0/retention"),
        ("namespaces: [{name: team-a, limits: {bust: 7}}]", "wrong at namespaces/0/limits/bust"),
        ("namespaces: [{name: team-a, tags: {env: on}}]", "wrong at namespaces/0/tags/env"),
        ("namespaces: [{name: team-a}, {name: team-a}]", "'team-a' twice"),
        ("namespaces: [{name: team-a, name: team-b}]", "'name' stands twice"),
        ("namespaces: [{name: team-a, description: 2026-01-01}]", "no YAML that can be applied"),
        ("namespaces: [", "no YAML that can be applied"),
        ("a: !!python/object/apply:os.system ['true']", "no YAML that can be applied"),
        ("\0", "no YAML that can be applied"),
        ("#" * 1_100_000, "larger than"),
    ],
    ids=range(13),
)
def test_a_file_that_is_no_declaration_is_78_and_says_where(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "namespaces.yaml"
    path.write_text(text)
    code, message = run(capsys, "apply", str(path))
    assert (code, said in message) == (78, True), message
    assert len(message.splitlines()) == 2


def test_a_file_that_is_not_there_is_78(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = run(capsys, "apply", str(tmp_path / "none.yaml"))
    assert (code, "cannot be read" in said) == (78, True)
