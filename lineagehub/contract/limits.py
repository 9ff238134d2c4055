"""What a namespace, or a key, may use: the limits there are, the hub's defaults, and which value is in force.

Set by the operator (web/admin/limits.py), kept on the control topic (contract/control.py). Counting and refusing is not done here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LARGEST = 10**15
"""Below 2^53: every JSON parser reads it exactly."""

Amount = Annotated[int, Field(ge=0, le=LARGEST)]
Burst = Annotated[int, Field(ge=1, le=LARGEST)]
Percent = Annotated[int, Field(ge=0, le=20)]

Origin = Literal["default", "namespace", "key"]


class Limits(BaseModel):
    """Limits where they are set; None follows what stands above. 0 lets nothing in."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    events_per_day: Amount | None = Field(None, description="Events and telemetry items stored a UTC day.")
    requests_per_second: Amount | None = Field(None, description="Events and items taken in a second, over time.")
    burst: Burst | None = Field(None, description="So many at once; a larger batch is refused whole.")
    bytes_per_second: Amount | None = Field(None, description="Decoded bytes taken in a second, over time.")
    reads_per_second: Amount | None = Field(None, description="Requests that read, a second.")
    grace_percent: Percent | None = Field(None, description="So much above events_per_day is still taken.")


NAMES: tuple[str, ...] = tuple(Limits.model_fields)
NAMES_OF_DAYS = ("events_per_day", "grace_percent")
"""Limits that only a namespace can have."""

DEFAULT_LIMITS = Limits(
    events_per_day=10_000_000,
    requests_per_second=1_000,
    # The OpenTelemetry Collector sends 8,192 items at once, unless told otherwise, and drops what is answered 413.
    burst=10_000,
    bytes_per_second=64 * 1_048_576,
    reads_per_second=50,
    grace_percent=0,
)


class Effective(BaseModel):
    """A value in force, and where it is set."""

    value: int
    origin: Origin


def effective_limits(levels: Iterable[tuple[Origin, Limits]]) -> dict[str, Effective]:
    """Return each limit in force. `levels` override the defaults, the later ones the earlier."""
    in_force = {name: Effective(value=getattr(DEFAULT_LIMITS, name), origin="default") for name in NAMES}
    for origin, limits in levels:
        for name in NAMES:
            value = getattr(limits, name)
            if value is not None:
                in_force[name] = Effective(value=value, origin=origin)
    return in_force
