"""`lineagehub-sdk`: what each command prints where, its exit code, and that a failure is one sentence with the next command."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from lineagehub_sdk import cli
from lineagehub_sdk.cli import COMMANDS, main, overview, parser_of
from lineagehub_sdk.cli import _hub as cli_hub

from tests.sdk.answering import answering, black_hole, nobody
from tests.sdk.conftest import HubDouble, Scripted
from tests.support.hub import clean_environment
from tests.support.waiting import wait_until

EVENT = {"eventType": "START", "job": {"namespace": "n", "name": "j"}}


class Terminal:
    """Runs the command in this process. After each run: `out`, `err`."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch
        self.out = self.err = ""

    def run(self, *words: str, stdin: str = "") -> int:
        """Return the exit code."""
        self._monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as exited:
            main(list(words))
        self.out, self.err = self._capsys.readouterr()
        assert "\x1b" not in self.out + self.err, "no colours, wherever it is printed to"
        assert isinstance(exited.value.code, int)
        return exited.value.code

    def json(self) -> Any:
        """Return what was printed: one JSON document, and nothing else."""
        return json.loads(self.out)


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal in an environment that asks no hub twice."""
    monkeypatch.setenv("LINEAGEHUB_RETRY_ATTEMPTS", "0")
    monkeypatch.setenv("LINEAGEHUB_TIMEOUT", "0.3")
    return Terminal(capsys, monkeypatch)


@pytest.fixture
def hub(hub_double: HubDouble, monkeypatch: pytest.MonkeyPatch) -> HubDouble:
    """The double, as the environment names it."""
    monkeypatch.setenv("LINEAGEHUB_URL", hub_double.url)
    monkeypatch.setenv("LINEAGEHUB_TIMEOUT", "10")
    return hub_double


def test_the_overview_is_as_it_was(terminal: Terminal) -> None:
    snapshot = (Path(__file__).parent / "cli_help.txt").read_text()
    assert overview() + "\n" == snapshot
    assert terminal.run("--help") == 0
    assert terminal.out == snapshot
    assert terminal.run() == 2
    assert (terminal.out, terminal.err) == ("", snapshot)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_exit_codes_and_json(command: str, terminal: Terminal) -> None:
    assert terminal.run(command, "--help") == 0
    text = re.sub(r"\s+", " ", terminal.out)
    assert COMMANDS[command].split(":")[0] in text
    assert "Exit codes: 0 ok" in text
    assert "--json" in text


def test_every_file_of_a_command_is_registered() -> None:
    folder = Path(cli.__file__).parent
    files = {path.stem.replace("_", "-") for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert files == set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["healt"], "Did you mean 'health'?"),
        (["heatlh", "--json"], "Did you mean 'health'?"),
        (["quite-something-else"], "There is no command 'quite-something-else'."),
        (["health", "--nonsense"], "health does not know '--nonsense'."),
        (["send-events", "--fiel", "x"], "Did you mean '--file'?"),
        (["send-events"], "It takes a file, or events as arguments."),
        (["send-events", "--file", "x", "{}"], "It takes a file, or events as arguments."),
        (["send-events", "--file", "/nowhere/x.json"], "/nowhere/x.json cannot be read: No such file or directory."),
        (["send-events", "{nonsense"], "'{nonsense' is no JSON"),
        (["send-events", "[1]"], "'[1]' is no event"),
        (["emit", "/nowhere"], "/nowhere cannot be read"),
        (["namespaces"], "are required: action"),
        (["namespaces", "frobnicate"], "invalid choice: 'frobnicate'"),
        (["namespaces", "get"], "It takes the name of a namespace."),
        (["get-namespace"], "are required: NAME"),
        (["create-job-events"], "are required: --job-name"),
        (["create-job-events", "--job-name", "j", "--tag", "x"], "--tag x is none: it should be NAME=VALUE."),
        (["create-job-events", "--job-name", "j", "--run-id", "1"], "--run-id 1 is no UUID."),
        (["create-job-events", "--job-name", "j", "--input", "{}"], "'{}' is no dataset"),
        (["create-job-events", "--job-name", "j", "--output", " "], "' ' is no dataset"),
        (["spool"], "are required: action"),
        (["completion", "tcsh"], "invalid choice: 'tcsh'"),
    ],
)
def test_what_is_no_usage_is_said_in_a_sentence_with_the_next_command(
    words: list[str], says: str, terminal: Terminal, hub: HubDouble
) -> None:
    assert terminal.run(*words) == 2
    assert terminal.out == ""
    assert says in terminal.err
    assert terminal.err.startswith("lineagehub-sdk: ")
    assert "Traceback" not in terminal.err
    assert hub.asked == 0


@pytest.mark.parametrize(
    ("status", "body", "code", "next_step"),
    [
        (200, b"<html></html>", 69, "set LINEAGEHUB_URL"),
        (301, b"", 78, "config --sources"),
        (401, b'{"reason": "unauthenticated", "detail": "No key."}', 77, "set LINEAGEHUB_API_KEY"),
        (403, b'{"reason": "forbidden", "detail": "Not yours."}', 77, "set LINEAGEHUB_API_KEY"),
        (404, b'{"reason": "not_found", "detail": "There is none."}', 1, "namespaces list"),
        (422, b'{"reason": "schema_invalid", "detail": "Wrong."}', 1, ""),
        (429, b'{"reason": "rate_limited", "detail": "Slower."}', 75, "in 9 s"),
        (500, b"oh", 69, "set LINEAGEHUB_URL"),
        (502, b"<html></html>", 69, "start the hub"),
        (503, b'{"reason": "unavailable", "detail": "Later."}', 75, "the same again"),
    ],
)
@pytest.mark.parametrize("words", [["emit"], ["get-namespace", "x", "--json"]], ids=["emit", "get"])
def test_each_answer_of_a_hub_has_its_exit_code(
    words: list[str], status: int, body: bytes, code: int, next_step: str, terminal: Terminal
) -> None:
    with answering(status, body, Retry_After="9") as server:
        assert terminal.run("--url", server.url, *words, stdin=json.dumps(EVENT)) == code
    assert terminal.out == ""
    assert len(server.asked) == 1
    first, *following = terminal.err.splitlines()
    assert first.startswith("lineagehub-sdk: ")
    assert next_step in "".join(following)
    assert "Traceback" not in terminal.err


@pytest.mark.parametrize(
    "words",
    [
        ["health"],
        ["emit"],
        ["send-events", json.dumps(EVENT)],
        ["create-job-events", "--job-name", "j"],
        ["namespaces", "list"],
        ["list-namespaces"],
        ["get-namespace", "x"],
    ],
    ids=lambda words: words[0],
)
def test_no_hub_is_69_and_none_configured_is_78(
    words: list[str], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert terminal.run(*words, stdin=json.dumps(EVENT)) == 78
    assert "LINEAGEHUB_URL is not set" in terminal.err
    with black_hole() as hole:
        for url in (nobody(), hole):
            assert terminal.run(*words, "--url", url, "--json", stdin=json.dumps(EVENT)) == 69
            assert terminal.out == ""
            assert "the hub does not answer" in terminal.err
    assert terminal.run(*words, "--url", "hub:80", stdin=json.dumps(EVENT)) == 78
    assert "no http address" in terminal.err


def test_debug_shows_where_an_error_comes_from() -> None:
    command = [sys.executable, "-m", "lineagehub_sdk.cli", "health", "--debug", "--url", nobody()]
    environment = clean_environment() | {"LINEAGEHUB_RETRY_ATTEMPTS": "0"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert "Traceback" in result.stderr


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([EVENT] * 3),
        json.dumps([EVENT] * 3, indent=2),
        "\n".join([json.dumps(EVENT)] * 3),
        "\n\n" + "\n\n".join([json.dumps(EVENT)] * 3) + "\n",
        "\ufeff" + "\r\n".join([json.dumps(EVENT)] * 3),
    ],
    ids=["array", "pretty array", "lines", "lines with blanks", "lines of Windows"],
)
def test_events_are_an_array_or_a_line_each(text: str, terminal: Terminal, hub: HubDouble, tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text(text, newline="")
    assert terminal.run("send-events", "--file", str(path)) == 0, terminal.err
    assert hub.names == ["j"] * 3
    assert terminal.out == "3 events taken by namespace demo\n"
    assert terminal.err == ""


def test_one_event_is_emitted_from_a_file_or_standard_input(terminal: Terminal, hub: HubDouble, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(EVENT, indent=2))
    assert terminal.run("emit", str(path), "--json") == 0
    assert terminal.json() == {"accepted": 1, "rejected": 0, "errors": [], "namespace": "demo"}
    assert terminal.run("emit", "--file", str(path), "--quiet") == 0
    assert (terminal.out, terminal.err) == ("", "")
    assert terminal.run("emit", stdin=json.dumps(EVENT)) == 0
    assert len(hub.events) == 3
    assert terminal.run("emit", stdin=json.dumps([EVENT, EVENT])) == 2
    assert "send-events" in terminal.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "standard input holds no events."),
        (f"{json.dumps(EVENT)}\n\n{{oops", "standard input is no JSON from line 3 on"),
        ('{\n"a":\n', "standard input is no JSON from line 1 on"),
        ("[1]", "holds something that is no event, but a int."),
        ('"text"', "but a str."),
    ],
)
def test_what_is_no_event_is_named_with_its_line(text: str, says: str, terminal: Terminal, hub: HubDouble) -> None:
    assert terminal.run("send-events", "--file", "-", stdin=text) == 1
    assert says in terminal.err


def test_what_was_sent_before_an_error_is_said(terminal: Terminal, hub: HubDouble) -> None:
    text = "\n".join([json.dumps(EVENT)] * 1_000 + ["{oops"])
    assert terminal.run("send-events", "--file", "-", stdin=text) == 1
    assert "the first 1000 events were sent; to send them again is harmless" in terminal.err
    assert "line 1001" in terminal.err


def test_refused_events_are_listed_and_the_exit_code_is_1(terminal: Terminal, hub: HubDouble) -> None:
    invalid = json.dumps({**EVENT, "job": {"namespace": "n", "name": "invalid"}})
    assert terminal.run("send-events", json.dumps(EVENT), invalid) == 1
    assert terminal.out == "1 events taken by namespace demo, 1 refused\n"
    assert terminal.err == "events[1]: schema_invalid: The event is wrong.\n"
    assert terminal.run("send-events", "--json", json.dumps(EVENT), invalid) == 1
    assert terminal.json()["errors"][0]["index"] == 1


def test_events_of_a_job_are_what_openlineage_asks_for(terminal: Terminal, hub: HubDouble) -> None:
    words = [
        "create-job-events",
        "--job-name",
        "copy",
        "--namespace",
        "ops",
        "--description",
        "By hand",
        "--tag",
        "a=b=c",
    ]
    words += ["--input", "s3://raw/orders", "-i", '{"type": "mysql", "name": "t"}', "--output", "file:///srv/o.csv"]
    assert terminal.run(*words) == 0, terminal.err
    start, complete = hub.events
    assert [start["eventType"], complete["eventType"]] == ["START", "COMPLETE"]
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert start["run"]["runId"] in terminal.err
    assert complete["job"]["namespace"] == "ops"
    assert complete["job"]["facets"]["tags"]["tags"][0] | {"source": ""} == {"key": "a", "value": "b=c", "source": ""}
    assert [dataset["name"] for dataset in complete["inputs"]] == ["orders", "t"]

    assert terminal.run(*words, "--dry-run", "--quiet") == 0
    assert [json.loads(line)["eventType"] for line in terminal.out.splitlines()] == ["START", "COMPLETE"]
    assert len(hub.events) == 2


@pytest.mark.parametrize("is_part", [True, False])
def test_events_of_a_job_are_part_of_the_run_that_the_environment_names(
    is_part: bool, terminal: Terminal, hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_part:
        monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"airflow/shop.publish/{uuid.UUID(int=1)}")
    assert terminal.run("create-job-events", "--job-name", "copy") == 0, terminal.err
    parents = [event["run"]["facets"].get("parent", {}).get("job", {}).get("name") for event in hub.events]
    assert parents == (["shop.publish"] * 2 if is_part else [None, None])


def test_options_of_all_commands_may_stand_before_the_command(terminal: Terminal, hub: HubDouble) -> None:
    words = ("--endpoint", hub.url, "--api-key", "key", "--namespace=demo", "--debug", "send-events", json.dumps(EVENT))
    assert terminal.run(*words) == 0
    headers, body = hub.requests[0]
    assert headers["authorization"] == "Bearer key"
    assert body["namespace"] == "demo"


def test_the_configuration_names_its_sources_and_no_secret(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINEAGE_HUB_API_KEY", "lh_dev_secret")
    monkeypatch.setenv("OPENLINEAGE_URL", "http://hub")
    assert terminal.run("config", "--sources", "--namespace", "demo") == 0
    rows = {line.split()[0]: line.split()[1:] for line in terminal.out.splitlines() if line.strip()}
    assert rows["hub_endpoint"] == ["http://hub", "OPENLINEAGE_URL"]
    assert rows["api_key"] == ["***", "LINEAGE_HUB_API_KEY"]
    assert rows["namespace"] == ["demo", "argument"]
    assert rows["timeout"] == ["0.3", "LINEAGEHUB_TIMEOUT"]
    assert rows["queue_size"] == ["10000", "default"]
    assert "an argument, LINEAGEHUB_*, LINEAGE_HUB_*, OPENLINEAGE_*, OTEL_*, the file" in terminal.out
    assert terminal.run("config", "--json") == 0
    assert terminal.json()["fields"]["api_key"] == {"value": "***", "source": "LINEAGE_HUB_API_KEY"}
    assert terminal.json()["transport_in_force"] == "http"
    assert "secret" not in terminal.out


def test_the_spool_is_shown_sent_and_purged(
    terminal: Terminal, hub: HubDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGEHUB_SPOOL_DIRECTORY", str(tmp_path / "spool"))
    assert terminal.run("spool", "status") == 0
    assert (terminal.out, terminal.err) == ("", "nothing waits\n")
    _leave_behind(tmp_path, nobody_at=hub.url, answers=hub)
    assert terminal.run("spool", "status", "--json") == 0
    (status,) = terminal.json()
    assert (status["events"], status["in_use"]) == (3, 0)
    assert terminal.run("spool", "status") == 0
    assert "3 events" in terminal.out
    assert terminal.run("spool", "purge") == 2
    assert "It would remove 3 events for good." in terminal.err
    hub.answers.clear()
    assert terminal.run("spool", "send", "--json") == 0, terminal.err
    assert terminal.json() == [{"sent": 3, "refused": 0, "damaged": 0, "error": None}]
    assert hub.names == ["left"] * 3

    _leave_behind(tmp_path, nobody_at=hub.url, answers=hub)
    assert terminal.run("spool", "send") == 69
    assert "Not all could be sent" in terminal.err
    assert terminal.run("spool", "purge", "--yes", "--json") == 0
    assert terminal.json()["events_removed"] == 3
    assert terminal.run("spool", "status", "--json") == 0
    assert [status["events"] for status in terminal.json()] in ([], [0])


def test_the_spool_of_the_kafka_transport_is_sent_without_a_hubs_address(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LINEAGEHUB_URL", raising=False)
    monkeypatch.setenv("LINEAGEHUB_SPOOL_DIRECTORY", str(tmp_path / "spool"))
    assert terminal.run("spool", "send") == 78
    assert "LINEAGEHUB_URL is not set" in terminal.err
    (tmp_path / "spool").mkdir()
    for name, value in {"TRANSPORT": "kafka", "KAFKA_BROKERS": "127.0.0.1:1", "NAMESPACE": "demo"}.items():
        monkeypatch.setenv(f"LINEAGEHUB_{name}", value)
    assert terminal.run("spool", "send") == 0
    assert terminal.out == "0 events sent, 0 refused, 0 damaged\n"


def _leave_behind(tmp_path: Path, nobody_at: str, answers: HubDouble) -> None:
    """Let a process end with three events on disk, as the hub answers 503 to it, and to what comes next."""
    answers.answers = [Scripted(503)] * 1_000
    script = (
        "import lineagehub_sdk as sdk\n"
        "for _ in range(3): sdk.emit({'eventType': 'START', 'job': {'namespace': 'n', 'name': 'left'}})\n"
    )
    environment = clean_environment() | {
        "LINEAGEHUB_URL": nobody_at,
        "LINEAGEHUB_SPOOL_DIRECTORY": str(tmp_path / "spool"),
        "LINEAGEHUB_SPOOL_SIZE": "1000000",
        "LINEAGEHUB_FLUSH_TIMEOUT": "0.2",
    }
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60, capture_output=True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_option(shell: str, terminal: Terminal) -> None:
    assert terminal.run("completion", shell) == 0
    for command in COMMANDS:
        assert command in terminal.out
        for action in parser_of(command).actions():
            for option in action.option_strings:
                if option.startswith("--"):
                    assert option[2:] in terminal.out
    if program := shutil.which(shell):
        checked = subprocess.run([program, "-n"], input=terminal.out, text=True, capture_output=True, timeout=60)
        assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(not shutil.which("bash"), reason="this machine has no bash")
def test_bash_completes_a_command_an_option_and_a_choice(terminal: Terminal) -> None:
    assert terminal.run("completion", "bash") == 0

    def completed(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in words)
        ask = f"COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _lineagehub_sdk; echo ${{COMPREPLY[@]}}"
        result = subprocess.run(["bash", "-c", f"{terminal.out}\n{ask}"], capture_output=True, text=True, timeout=60)
        return result.stdout.split()

    assert completed("lineagehub-sdk", "he") == ["health"]
    assert completed("lineagehub-sdk", "send-events", "--fi") == ["--file"]
    assert completed("lineagehub-sdk", "spool", "p") == ["purge"]


def test_the_command_starts_without_third_party_modules_asyncio_or_argparse() -> None:
    script = (
        "import atexit, sys; before = set(sys.modules)\n"
        "def show(): print(sorted({name.split('.')[0] for name in set(sys.modules) - before}))\n"
        "atexit.register(show)\n"
        "from lineagehub_sdk.cli import main; main(['--help'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], env=clean_environment(), capture_output=True, text=True, timeout=60
    )
    modules = set(ast.literal_eval(result.stdout.splitlines()[-1]))
    assert modules - set(sys.stdlib_module_names) == {"lineagehub_sdk"}
    assert not modules & {"argparse", "asyncio"}


def test_a_reader_that_has_enough_ends_it_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text("\n".join([json.dumps(EVENT)] * 20_000))
    command = f"{sys.executable} -m lineagehub_sdk.cli send-events --dry-run --file {path} | head -n 1"
    environment = clean_environment() | {"LINEAGEHUB_URL": nobody(), "PATH": os.environ["PATH"]}
    result = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=60)
    assert json.loads(result.stdout) == EVENT
    assert result.stderr == ""


def test_a_person_who_waits_is_told_how_far_it_is_and_nobody_else(
    terminal: Terminal, hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_hub, "QUIET_SECONDS", 0.0)
    lines = "\n".join([json.dumps(EVENT)] * 1_001)
    assert terminal.run("send-events", "--file", "-", stdin=lines) == 0
    assert terminal.err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert terminal.run("send-events", "--file", "-", stdin=lines) == 0
    assert terminal.err.startswith("\r1000 events…")
    assert terminal.run("send-events", "--quiet", "--file", "-", stdin=lines) == 0
    assert terminal.err == ""


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="who runs these tests in the background ignores Ctrl-C"
)
def test_ctrl_c_ends_a_command_with_130_and_no_traceback() -> None:
    with black_hole() as hole:
        command = [sys.executable, "-m", "lineagehub_sdk.cli", "send-events", "--file", "-", "--url", hole]
        environment = clean_environment() | {"LINEAGEHUB_TIMEOUT": "1", "LINEAGEHUB_RETRY_ATTEMPTS": "0"}
        process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps(EVENT) + "\n")
        process.stdin.flush()
        # It has read the line, and waits for the next one.
        wait_until(lambda: _waits_for_input(process.pid), 30, "the command")
        process.send_signal(signal.SIGINT)
        error = process.stderr.read()
        assert process.wait(30) == 130
        process.stdin.close()
        process.stderr.close()
    assert error == ""


def _waits_for_input(pid: int) -> bool:
    """Whether a process reads its standard input, as the system call says that it is in: read (0 on x86-64, 63 on arm) of file 0."""
    words = Path(f"/proc/{pid}/syscall").read_text().split()
    return words[:2] in (["0", "0x0"], ["63", "0x0"])
