"""Times as Java's Instant writes them: UTC, with as many groups of three decimals as are needed, and none where there are none."""

from __future__ import annotations

from datetime import UTC, datetime


def instant(text: str | None) -> str | None:
    """Return a time that ClickHouse gave (ISO 8601, UTC, `Z`) as an Instant; None and empty text are None."""
    if not text:
        return None
    whole, _, fraction = text.removesuffix("Z").partition(".")
    fraction = fraction.rstrip("0")
    digits = fraction.ljust((len(fraction) + 2) // 3 * 3, "0")
    return f"{whole}.{digits}Z" if digits else f"{whole}Z"


def instant_of(moment: datetime) -> str:
    """Return an aware time as an Instant."""
    return str(instant(moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")))


def instant_sent(text: str) -> str | None:
    """Return a time that a producer sent in a facet as an Instant, UTC where it has no zone; None if it is no time."""
    try:
        moment = datetime.fromisoformat(text)
        return instant_of(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
