"""Which alerts of the hub itself are due: a sink that is down, an agent far behind, an agent that is silent. Sends and remembers nothing.

From what agents say of themselves (contract/agent_states.py): one record a process every ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from lineagehub.contract.agent_states import AgentState
from lineagehub.contract.alerts import Alert, AlertKind
from lineagehub.settings import AlertsSettings

FRESH = timedelta(seconds=45)
"""So long a record is taken for the present: four times what lies between two."""
FORGET = timedelta(days=1)

Place = tuple[str, str]
"""Agent and topic."""


class AgentHealthWatch:
    """What all agents said last."""

    def __init__(self, alerts: AlertsSettings) -> None:
        self._alerts = alerts
        self._states: dict[bytes, AgentState] = {}
        self._behind_since: dict[Place, datetime] = {}

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take in one record of the topic `lineagehub-agents`. Called by a CompactedView."""
        self._states.pop(key, None)
        if value is None:
            return
        try:
            state = AgentState.model_validate_json(value)
        except ValidationError:
            return
        if state.key == key:
            self._states[key] = state

    def forgotten(self, now: datetime) -> list[bytes]:
        """Return the keys of processes that said nothing for a day: they are gone, and need not be remembered."""
        return [key for key, state in self._states.items() if state.at < now - FORGET]

    def due(self, now: datetime, listening_since: datetime) -> Iterator[Alert]:
        """Yield what is wrong now. Nobody is silent before we have listened for as long as that takes."""
        fresh = [state for state in self._states.values() if state.at >= now - FRESH]
        yield from self._sinks_down(fresh, now)
        yield from self._behind(fresh, now)
        if now - listening_since >= timedelta(seconds=self._alerts.silent_seconds):
            yield from self._silent(now)

    def _sinks_down(self, fresh: list[AgentState], now: datetime) -> Iterator[Alert]:
        since: dict[Place, datetime] = {}
        for state in fresh:
            for topic in state.topics:
                if topic.down_since is not None:
                    place = (state.agent, topic.topic)
                    since[place] = min(topic.down_since, since.get(place, topic.down_since))
        for (agent, topic_name), began in since.items():
            seconds = int((now - began).total_seconds())
            if seconds >= self._alerts.sink_down_seconds:
                text = f"The sink of {agent} takes nothing of {topic_name} since {began.astimezone(UTC):%H:%M} UTC; nothing is lost."
                figures: dict[str, int | str] = {"agent": agent, "topic": topic_name, "seconds": seconds}
                yield _alert(AlertKind.SINK_DOWN, f"{agent}/{topic_name}", began, text, figures, now)

    def _behind(self, fresh: list[AgentState], now: datetime) -> Iterator[Alert]:
        behind: dict[Place, int] = {}
        for state in fresh:
            for topic in state.topics:
                place = (state.agent, topic.topic)
                behind[place] = behind.get(place, 0) + topic.behind
        too_far = {place: records for place, records in behind.items() if records >= self._alerts.lag_records}
        self._behind_since = {place: self._behind_since.get(place, now) for place in too_far}
        for (agent, topic_name), records in too_far.items():
            began = self._behind_since[agent, topic_name]
            seconds = int((now - began).total_seconds())
            if seconds >= self._alerts.lag_seconds:
                text = f"{agent} is {records:,} records behind with {topic_name}."
                figures: dict[str, int | str] = {
                    "agent": agent,
                    "topic": topic_name,
                    "records": records,
                    "seconds": seconds,
                }
                yield _alert(AlertKind.LAG, f"{agent}/{topic_name}", began, text, figures, now)

    def _silent(self, now: datetime) -> Iterator[Alert]:
        last: dict[str, datetime] = {}
        for state in self._states.values():
            last[state.agent] = max(state.at, last.get(state.agent, state.at))
        for agent, heard in last.items():
            seconds = int((now - heard).total_seconds())
            if self._alerts.silent_seconds <= seconds < FORGET.total_seconds():
                text = f"No process of the agent {agent} has said anything since {heard.astimezone(UTC):%H:%M} UTC."
                yield _alert(AlertKind.LAG, f"{agent} silent", heard, text, {"agent": agent, "seconds": seconds}, now)


def _alert(
    kind: AlertKind, level: str, began: datetime, text: str, figures: dict[str, int | str], now: datetime
) -> Alert:
    period = f"{began.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
    return Alert(namespace=None, kind=kind, level=level, period=period, text=text, figures=figures, at=now)
