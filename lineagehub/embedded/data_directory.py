"""The data directory of `lineagehub up`: what survives a restart, and the lock that keeps it to one process.

secret.key              the hub's secret key (0600), made on the first start
control.journal         namespaces and keys (control_journal.py)
clickhouse/             the embedded ClickHouse's data
batch-ranges/LIFE/      batch ranges of one life of the embedded broker
logs/NAME.log           what each child process logged
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from pathlib import Path

from lineagehub.errors import ConfigurationError


class DataDirectory:
    """The opened, locked directory. The lock is released when the process ends, however it ends."""

    def __init__(self, root: Path) -> None:
        """Create what is missing and take the lock. Raises ConfigurationError when it cannot be used."""
        self.root = root.absolute()
        try:
            for directory in (self.root, self.logs, self.clickhouse, self.root / "batch-ranges"):
                directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.root / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(
                f"Another `lineagehub up` uses {self.root}.", "Stop it, or choose another directory with --data DIR."
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"The data directory {self.root} cannot be used: {error.strerror}.",
                "Choose a writable directory with --data DIR.",
            ) from error

    @property
    def logs(self) -> Path:
        """Where children log."""
        return self.root / "logs"

    @property
    def clickhouse(self) -> Path:
        """Where the embedded ClickHouse keeps its data."""
        return self.root / "clickhouse"

    @property
    def control_journal(self) -> Path:
        """The journal of control records."""
        return self.root / "control.journal"

    def secret_key(self) -> str:
        """Return the hub's secret key, made on the first call."""
        path = self.root / "secret.key"
        if not path.exists():
            temporary = path.with_suffix(".tmp")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        return path.read_text().strip()

    def new_batch_ranges(self) -> Path:
        """Return an empty directory for batch ranges, and delete those of earlier lives of the broker: its offsets begin at 0 again."""
        parent = self.root / "batch-ranges"
        for former in parent.iterdir():
            shutil.rmtree(former, ignore_errors=True)
        path = parent / secrets.token_hex(8)
        path.mkdir()
        return path
