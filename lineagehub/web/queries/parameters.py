"""Query and path parameters: checked against a model, refused with every fault and its bounds."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, TypeVar, get_origin

from aiohttp import web
from pydantic import BaseModel, BeforeValidator, ValidationError

from lineagehub.contract.lineage import Fault, parse_event_time
from lineagehub.web.problems import INVALID_PARAMETER, Refused

Model = TypeVar("Model", bound=BaseModel)


def _moment(text: Any) -> datetime:
    # pydantic alone would take digits for seconds since the epoch, and a date for its midnight.
    if not isinstance(text, str):
        raise ValueError("is no RFC 3339 date-time, which is a string")
    try:
        return parse_event_time(text)
    except OverflowError as error:
        raise ValueError("lies outside of years 1 to 9999 in UTC") from error


Moment = Annotated[datetime, BeforeValidator(_moment)]
"""An RFC 3339 time with a zone."""


def read_query(request: web.Request, model: type[Model]) -> Model:
    """Return the query parameters as `model`.

    Refuses with 400; a parameter given twice is one of the faults unless the model has a list there, unknown ones are not.
    """
    lists = {info.alias or name for name, info in model.model_fields.items() if get_origin(info.annotation) is list}
    names = {info.alias or name for name, info in model.model_fields.items()} - lists
    twice = [name for name in names if len(request.query.getall(name, [])) > 1]
    if twice:
        raise refuse_parameters([Fault(f"/{name}", "is given twice.") for name in sorted(twice)])
    try:
        given: dict[str, Any] = {name: request.query[name] for name in names if name in request.query}
        return model.model_validate(given | {name: request.query.getall(name, []) for name in lists})
    except ValidationError as error:
        faults = [
            Fault("/" + "/".join(map(str, fault["loc"])), f"{fault['msg']}.")
            for fault in error.errors(include_url=False, include_context=False)
        ]
        raise refuse_parameters(faults) from error


def read_path(request: web.Request, name: str, pattern: str, description: str) -> str:
    """Return a path parameter in lower case, or refuse with 400 unless it matches `pattern`."""
    text = request.match_info[name].lower()
    if re.fullmatch(pattern, text) is None:
        raise refuse_parameters([Fault(f"/{name}", f"must be {description}.")])
    return text


def refuse_parameters(faults: list[Fault]) -> Refused:
    """Return the refusal of these parameters."""
    first = faults[0]
    return Refused(INVALID_PARAMETER, f"{first.pointer.removeprefix('/')}: {first.detail}", faults)
