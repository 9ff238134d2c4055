"""Heartbeats of the webs, on `lineagehub-replicas`: that one lives, and what it has let in that nobody has counted yet.

Agents judge what comes straight to Kafka. While a storing agent is away, what the web has let in meanwhile stands on Kafka and in no
total; without knowing of it, the other agents would let in as much again.
"""

from __future__ import annotations

import msgspec


class LetIn(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Events of a namespace and day that stand on a partition (`topic:partition`), the last one at `offset`."""

    namespace: str
    day: str
    place: str
    offset: int
    events: int


class Heartbeat(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `beat`th of a web. `let_in`: of the namespaces that have used half of their day."""

    beat: int
    let_in: tuple[LetIn, ...] = ()


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Heartbeat)


def encode_heartbeat(heartbeat: Heartbeat) -> bytes:
    """Return the JSON of a heartbeat."""
    return _encoder.encode(heartbeat)


def decode_heartbeat(value: bytes) -> Heartbeat | None:
    """Return a heartbeat, or None for what is none."""
    try:
        return _decoder.decode(value)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None
