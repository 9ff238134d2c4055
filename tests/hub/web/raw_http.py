"""HTTP by hand, for requests that no client library would send."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

DRIP_SECONDS = 0.1


@dataclass
class RawAnswer:
    """What came back before the hub closed the connection, or before the deadline."""

    data: bytes
    closed: bool

    @property
    def status(self) -> int:
        """The status of the first answer; 0 if there is none."""
        words = self.data.split(b" ", 2)
        return int(words[1]) if self.data.startswith(b"HTTP/1.") else 0

    @property
    def answers(self) -> int:
        """How many answers came."""
        return len(re.findall(rb"HTTP/1\.[01] \d{3} ", self.data))


async def exchange(
    url: str, data: bytes, *, finish: bool = False, drip: bytes = b"", seconds: float = 10.0
) -> RawAnswer:
    """Send bytes, then one byte of `drip` again and again; return what comes until the hub closes.

    `finish` sends a FIN.
    """
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    received = bytearray()
    closed = False
    dripping = asyncio.create_task(_drip(writer, drip)) if drip else None
    try:
        writer.write(data)
        if finish:
            writer.write_eof()
        async with asyncio.timeout(seconds):
            while chunk := await reader.read(65_536):
                received += chunk
        closed = True
    except TimeoutError:
        pass
    except ConnectionError:
        closed = True
    finally:
        if dripping is not None:
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
        writer.close()
    return RawAnswer(bytes(received), closed)


async def _drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    cut_off = asyncio.Event()
    while True:
        writer.write(data)
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRIP_SECONDS):
                await cut_off.wait()
