"""Parameters that the lineage reads share: the node, the depth, the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, Field

from lineagehub.contract.lineage import Fault
from lineagehub.store.queries.events import EARLIEST, LATEST
from lineagehub.web.queries.parameters import Moment, refuse_parameters

MAXIMUM_DEPTH = 20

NodeIdOf = TypeVar("NodeIdOf")


def _within_bounds(moment: datetime) -> datetime:
    return min(max(moment, EARLIEST), LATEST)


class AsOfQuery(BaseModel):
    """Now, or as of a time."""

    as_of: Annotated[Moment, AfterValidator(_within_bounds)] | None = Field(
        None, alias="asOf", description="As the events up to this event time say, RFC 3339."
    )


def parse_node_id(text: str, parse: Callable[[str], NodeIdOf]) -> NodeIdOf:
    """Return the node id of the parameter `nodeId`. Refuses with 400 and the form of one."""
    try:
        return parse(text)
    except ValueError as error:
        raise refuse_parameters([Fault("/nodeId", f"{error}")]) from error
