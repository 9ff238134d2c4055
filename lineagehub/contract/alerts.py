"""Alerts: what somebody should be told, once a level and period. And what is remembered of each on the topic `lineagehub-alerts`.

Decided and sent by the agent `alerts`; the receivers of generic JSON see `Alert` as it stands here. An alert's id is made from its key,
so that one which is sent again after a crash (at least once) can be told by its receiver.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, computed_field

from lineagehub.contract.namespaces import OPERATOR_LANE, Namespace


class AlertKind(StrEnum):
    """What an alert is about. The last two are of the hub itself, and its operator's; a namespace hears of the first two."""

    QUOTA = "quota"
    DEAD_LETTERS = "dead_letters"
    SINK_DOWN = "sink_down"
    LAG = "lag"


NAMESPACE_KINDS = (AlertKind.QUOTA, AlertKind.DEAD_LETTERS)

Word = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^|\x00-\x1f]+$")]


class Alert(BaseModel):
    """One alert. `namespace` is None for the hub's own.

    `level` is what it is sent once for: 80, 95 or 100 (percent) of a quota, the reason of dead letters, agent and topic of a sink or a
    lag. `period` is the day of a quota, else the minute when it began. `text` is for people; `figures` says the same in numbers.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    namespace: Namespace | None
    kind: AlertKind
    level: Word
    period: Word
    text: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    figures: dict[str, int | str] = {}
    at: AwareDatetime

    @property
    def key(self) -> bytes:
        """Its key on the topic."""
        return f"{self.namespace or OPERATOR_LANE}|{self.kind.value}|{self.level}|{self.period}".encode()

    @computed_field(description="The same each time that this alert is sent.")  # type: ignore[prop-decorator] # pydantic's own way
    @property
    def id(self) -> str:
        """32 hexadecimal digits, made from the key."""
        return hashlib.sha256(self.key).hexdigest()[:32]


class Delivery(BaseModel):
    """What became of an alert at one webhook: `refused` with a status that no repeat changes, `expired` when it never answered."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    outcome: Literal["sent", "refused", "expired"]
    at: AwareDatetime


class AlertRecord(BaseModel):
    """An alert as it is remembered; `deliveries` by webhook id. Who is in it is sent nothing more of this alert."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    alert: Alert
    deliveries: dict[str, Delivery] = Field(default_factory=dict)

    def delivered(self, webhook_id: str, outcome: Literal["sent", "refused", "expired"], at: datetime) -> AlertRecord:
        """Return the record with one more delivery."""
        return self.model_copy(update={"deliveries": {**self.deliveries, webhook_id: Delivery(outcome=outcome, at=at)}})
