"""TRANSPORTS: the one list of ways out. To add one: a file here and a line below; a test fails on a file that is not listed."""

from __future__ import annotations

from collections.abc import Callable

from lineagehub_sdk._config import LineageHubConfig
from lineagehub_sdk.transports._transport import Transport
from lineagehub_sdk.transports.console import ConsoleTransport
from lineagehub_sdk.transports.http import HttpTransport
from lineagehub_sdk.transports.kafka import KafkaTransport
from lineagehub_sdk.transports.memory import MemoryTransport
from lineagehub_sdk.transports.none import NoneTransport

TRANSPORTS: dict[str, Callable[[LineageHubConfig], Transport]] = {
    "http": HttpTransport,
    "kafka": KafkaTransport,
    "console": ConsoleTransport,
    "memory": MemoryTransport,
    "none": NoneTransport,
}
