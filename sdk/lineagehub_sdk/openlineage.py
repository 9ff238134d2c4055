"""A transport of openlineage-python, so that Airflow, dbt and every other user of that client send through this SDK.

Signed to Kafka, or over HTTP, with the spool. Each event is sent, or safe on disk, before `emit` returns, as that client's users expect:
Airflow's provider emits in a forked child that ends by os._exit at once, past every hook.

    OPENLINEAGE__TRANSPORT__TYPE=lineagehub_sdk.openlineage.LineageHubTransport     or in openlineage.yml:

    transport:
      type: lineagehub_sdk.openlineage.LineageHubTransport
      hub_endpoint: https://hub.example.com

Any field of LineageHubConfig may stand there; what does not comes from the environment, as always. openlineage-python finds the class
by its import path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lineagehub_sdk._client import CLOSE_SECONDS, Client, to_dict
from lineagehub_sdk._config import ConfigurationArguments, resolve
from lineagehub_sdk._guard import never_raise

try:
    from openlineage.client.transport.transport import Config, Transport
except ImportError as error:
    raise ImportError(
        f"{error}. This transport is one of openlineage-python: pip install openlineage-python"
    ) from error

if TYPE_CHECKING:
    from openlineage.client.client import Event

SEND_SECONDS = 2.0
"""How long `emit` waits for the hub; then the event goes to disk."""
LONGEST_CLOSE_SECONDS = 600.0
"""What openlineage-python means by waiting without an end."""


class LineageHubTransportConfig(Config):
    """Fields of LineageHubConfig, by name."""

    def __init__(self, arguments: ConfigurationArguments) -> None:
        self.arguments = arguments

    @classmethod
    def from_dict(cls, params: dict[str, Any]) -> LineageHubTransportConfig:
        """Take what stands beside `type`; openlineage-python calls this."""
        return cls({name: value for name, value in params.items() if name != "type"})  # type: ignore[arg-type]


class LineageHubTransport(Transport):
    """Emits through a client of its own. Never raises."""

    kind = "lineagehub"
    config_class = LineageHubTransportConfig

    def __init__(self, config: LineageHubTransportConfig) -> None:
        self._client = Client(resolve(config.arguments))

    def emit(self, event: Event) -> None:
        """Send an event, or have it written to disk: at once while the hub is known to be away, else after SEND_SECONDS.

        Returns after 3 s at most, then without either, where there is no spool.
        """
        with never_raise("emitting an event"):
            is_away = self._client.pending > 0 and self._client.away
            self._client.emit(to_dict(event))
            if not is_away:
                self._client.flush(SEND_SECONDS, patient=False)
            self._client.park(CLOSE_SECONDS)

    def close(self, timeout: float = -1) -> bool:
        """Wait until everything is sent or safe on disk, at most `timeout` seconds; return whether nothing would be lost."""
        self._client.flush(LONGEST_CLOSE_SECONDS if timeout < 0 else timeout, patient=False)
        self._client.park(CLOSE_SECONDS)
        safe = not self._client.in_memory
        self._client.close(CLOSE_SECONDS)
        return safe
