"""The embedded ClickHouse with the reader of deploy/clickhouse/reader.xml as its only user: the real engine's access control.

The engine takes users from a file (`users_config`) and gives every session the user `default`. So the reader's profile and grants are
put on `default`, and the views' definer is another user, who may do everything. Run as a process, on data that are there.
"""

from __future__ import annotations

import contextlib
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from lineagehub.embedded.clickhouse import sessions
from lineagehub.embedded.clickhouse.__main__ import main
from lineagehub.store.client import ClickHouse
from tests.support.clickhouse import EmbeddedClickHouse, start_embedded_clickhouse

READER_XML = Path(__file__).parents[2] / "deploy" / "clickhouse" / "reader.xml"
DEFINER = "migrator"
_FULL_USER = "<password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>"


async def hand_over_views(clickhouse: ClickHouse) -> None:
    """Give the views to the definer, who stands for the user that migrates a real server. The server must know him."""
    views = await clickhouse.select(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' AND name LIKE 'read\\\\_%'"
    )
    assert views
    for view in views:
        await clickhouse.execute(f"ALTER TABLE {view['name']} MODIFY SQL SECURITY DEFINER DEFINER = {DEFINER}")


def start_as_writer(data: Path, files: Path) -> contextlib.AbstractContextManager[EmbeddedClickHouse]:
    """Start a server on `data` whose user may do everything, and that knows the definer."""
    users = f"<profiles><default/></profiles><quotas><default/></quotas><users><default>{_FULL_USER}</default>{_definer()}</users>"
    return _start(data, files / "writer", users)


def start_as_reader(data: Path, files: Path) -> contextlib.AbstractContextManager[EmbeddedClickHouse]:
    """Start a server on `data` whose user is the reader."""
    document = ElementTree.parse(READER_XML).getroot()
    profiles, (reader,) = document.find("profiles"), document.findall("users/*")
    assert profiles is not None
    profiles.append(ElementTree.Element("default"))
    reader.tag = "default"
    password = reader.find("password")
    assert password is not None
    password.attrib.clear()
    parts = [ElementTree.tostring(part, encoding="unicode") for part in (profiles, reader)]
    users = f"{parts[0]}<quotas><default/></quotas><users>{parts[1]}{_definer()}</users>"
    return _start(data, files / "reader", users)


def _definer() -> str:
    return f"<{DEFINER}>{_FULL_USER}</{DEFINER}>"


@contextlib.contextmanager
def _start(data: Path, files: Path, users: str) -> Iterator[EmbeddedClickHouse]:
    files.mkdir(parents=True)
    users_file, config_file = files / "users.xml", files / "config.xml"
    users_file.write_text(f"<clickhouse>{users}</clickhouse>")
    config_file.write_text(f"<clickhouse><users_config>{users_file}</users_config></clickhouse>")
    module = "tests.support.restricted_clickhouse"
    with start_embedded_clickhouse(data, None, "--config", str(config_file), module=module) as server:
        yield server


if __name__ == "__main__":
    place = sys.argv.index("--config")
    sessions.PATH = f"{sessions.PATH}?config-file={sys.argv[place + 1]}"
    del sys.argv[place : place + 2]
    main()
