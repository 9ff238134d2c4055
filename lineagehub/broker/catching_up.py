"""Catching up: know all that anybody has written to a compacted topic until now. Used by those that go on where another one stopped.

A record is written and waited for until it is read: an end offset would say the same on Kafka, but the embedded broker's lag. The topic
has one partition, or what stands on the others is not known.
"""

from __future__ import annotations

from lineagehub.broker.compacted_view import CompactedView
from lineagehub.broker.producer import Producer
from lineagehub.errors import Unavailable

CATCH_UP_SECONDS = 5.0
MARK_KEY = b"|mark|"
"""A deletion of what nobody writes: keys begin with a name. Compaction leaves one."""


async def catch_up(view: CompactedView, producer: Producer, topic: str) -> None:
    """Return once `view`, of `topic`, has applied all that was written before this call. Raises Unavailable, after 5 s at most."""
    with view.watch() as watch:
        place = await producer.send(topic, None, key=MARK_KEY)
        try:
            await watch.outcome(place, CATCH_UP_SECONDS)
        except TimeoutError as error:
            raise Unavailable("kafka", f"The topic {topic} has not been read to its end yet.", 1.0) from error
