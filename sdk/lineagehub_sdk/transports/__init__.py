"""TRANSPORTS: the one list of ways out. To add one: a file here and a line below; a test fails on a file that is not listed.

Composite is not one of them but several of them, "file+http": each has its own queue and spool (`_client`), so that none waits for another.
"""

from __future__ import annotations

from lineagehub_sdk.transports._transport import Transport
from lineagehub_sdk.transports.console import ConsoleTransport
from lineagehub_sdk.transports.file import FileTransport
from lineagehub_sdk.transports.http import HttpTransport
from lineagehub_sdk.transports.kafka import KafkaTransport
from lineagehub_sdk.transports.memory import MemoryTransport
from lineagehub_sdk.transports.none import NoneTransport

TRANSPORTS: dict[str, type[Transport]] = {
    "http": HttpTransport,
    "kafka": KafkaTransport,
    "file": FileTransport,
    "console": ConsoleTransport,
    "memory": MemoryTransport,
    "none": NoneTransport,
}
