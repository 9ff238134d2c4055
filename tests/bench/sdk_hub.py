"""A hub for benchmarks of the SDK, as a process: `python -m tests.bench.sdk_hub up|slow|black-holed PORT`. Nothing is stored."""

from __future__ import annotations

import asyncio
import gzip
import json
import sys

SLOW_SECONDS = 0.2


async def serve(kind: str, port: int) -> None:
    """Listen until killed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            names = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
            body = await reader.readexactly(int(names[b"content-length"]))
            if kind == "black-holed":
                await asyncio.sleep(3_600)
            if kind == "slow":
                await asyncio.sleep(SLOW_SECONDS)
            if names.get(b"content-encoding") == b"gzip":
                body = gzip.decompress(body)
            accepted = len(json.loads(body)["events"])
            receipt = json.dumps({"accepted": accepted, "rejected": 0, "errors": [], "namespace": "demo"}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(receipt), receipt))

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
