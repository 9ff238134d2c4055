"""Totals as they are kept in memory: 180 bytes each, where the objects of one are 1,500. Used by usage_book.py.

A hub of 100,000 namespaces keeps 35 days of up to four signals; but for the few that somebody asks about, they only wait for that. Names
of partitions (`topic:partition`), of which there are few, are numbers here.
"""

from __future__ import annotations

import msgspec

from lineagehub.contract.signals import Signal
from lineagehub.contract.usage import CountedTo, Counts, UsageTotal, Verdict

_VERDICTS = tuple(Verdict)


class _Packed(msgspec.Struct, array_like=True, gc=False):
    counts: tuple[int, int, int, int, int, int]
    counted: list[tuple[int, int, int]]
    as_of: int
    limit: int
    verdict: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)


class TotalPacker:
    """Packs totals of one book, and unpacks them."""

    def __init__(self) -> None:
        self._places: list[str] = []
        self._numbers: dict[str, int] = {}

    def pack(self, total: UsageTotal) -> bytes:
        """Return a total without what it stands under: namespace, day and signal."""
        counts = total.counts
        return _encoder.encode(
            _Packed(
                msgspec.structs.astuple(counts),
                [(self._number(place), counted.last, counted.first_at) for place, counted in total.counted.items()],
                total.as_of,
                total.limit,
                _VERDICTS.index(total.verdict),
            )
        )

    def unpack(self, packed: bytes, namespace: str, day: str, signal: Signal) -> UsageTotal:
        """Return the total that was packed."""
        held = _decoder.decode(packed)
        counted = {self._places[number]: CountedTo(last, first_at) for number, last, first_at in held.counted}
        verdict = _VERDICTS[held.verdict]
        return UsageTotal(namespace, day, signal, Counts(*held.counts), counted, held.as_of, held.limit, verdict)

    def _number(self, place: str) -> int:
        number = self._numbers.get(place)
        if number is None:
            number = self._numbers[place] = len(self._places)
            self._places.append(place)
        return number
