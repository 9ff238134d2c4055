"""Bodies of management requests, read into strict models; every fault is named by its pointer."""

from __future__ import annotations

from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from lineagehub.contract.lineage import Fault
from lineagehub.contract.lineage.faults import MAXIMUM_FAULTS, pointer_to
from lineagehub.web.bodies import BODIES, BodyLimits
from lineagehub.web.content import require_media_type
from lineagehub.web.documents import parse_json
from lineagehub.web.endpoint import JSON
from lineagehub.web.problems import SCHEMA_INVALID, Refused

MAXIMUM_BYTES = 262_144
"""Above the largest namespace that the model takes, in ASCII."""

Model = TypeVar("Model", bound=BaseModel)


async def read_document(request: web.Request, model: type[Model], default: bytes = b"") -> Model:
    """Return the body as `model`, or refuse it; `default` stands for an empty body where that means something."""
    if request.body_exists or not default:
        require_media_type(request, (JSON,))
    limits = BodyLimits(MAXIMUM_BYTES, MAXIMUM_BYTES, may_be_empty=bool(default))
    async with request.app[BODIES].read(request, limits) as body:
        text = body or default
        # Strict JSON, no key twice: pydantic alone would take the last.
        parse_json(text)
        try:
            return model.model_validate_json(text)
        except ValidationError as error:
            faults = [
                Fault(pointer_to("", *fault["loc"]), _sentence(fault["type"], fault["msg"]))
                for fault in error.errors(include_url=False, include_context=False, include_input=False)
            ][:MAXIMUM_FAULTS]
            where = f" at {faults[0].pointer}" if faults[0].pointer else ""
            raise Refused(SCHEMA_INVALID, f"The document is wrong{where}: {faults[0].detail}", faults) from error


def _sentence(kind: str, message: str) -> str:
    return "is not known here." if kind == "extra_forbidden" else f"{message}."
