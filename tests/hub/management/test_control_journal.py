"""The control journal: what must survive when the embedded broker forgets everything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from lineagehub.management.control_journal import ControlJournal


def test_the_last_value_of_each_key_is_replayed_and_deleted_keys_are_not(tmp_path: Path) -> None:
    journal = ControlJournal(tmp_path / "journal")
    journal.append(b"key:a", b"1")
    journal.append(b"key:b", b"2")
    journal.append(b"key:a", b"3")
    journal.append(b"key:c", b"4")
    journal.append(b"key:c", None)
    assert list(journal.records()) == [(b"key:b", b"2"), (b"key:a", b"3")]


def test_a_torn_last_line_is_dropped_and_what_follows_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = ControlJournal(path)
    journal.append(b"key:a", b"1")
    with path.open("ab") as file:
        file.write(b'{"key": "key:b", "val')
    journal.append(b"key:c", b"3")
    assert list(journal.records()) == [(b"key:a", b"1"), (b"key:c", b"3")]


def test_compacting_keeps_what_counts_and_the_file_private(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = ControlJournal(path)
    for number in range(100):
        journal.append(b"key:a", str(number).encode())
    size = path.stat().st_size
    journal.compact()
    assert list(journal.records()) == [(b"key:a", b"99")]
    assert path.stat().st_size < size / 50
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_record_is_there_after_its_writer_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    code = (
        "import sys, time; from pathlib import Path; from lineagehub.management.control_journal import ControlJournal\n"
        "ControlJournal(Path(sys.argv[1])).append(b'key:a', b'1'); print('written', flush=True); time.sleep(60)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"written\n"
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait(10)
    writer.stdout.close()
    assert list(ControlJournal(path).records()) == [(b"key:a", b"1")]
