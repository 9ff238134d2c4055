"""Answers in JSON. Handlers return these; problems have their own (middleware/problems.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel

from lineagehub.web.endpoint import JSON


def json_answer(document: Any, status: int = 200) -> web.Response:
    """Return a JSON answer of plain data."""
    return web.Response(body=orjson.dumps(document), status=status, content_type=JSON)


def model_answer(
    model: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None, *, only_set: bool = False
) -> web.Response:
    """Return a JSON answer of a pydantic model, members by their wire names; `only_set`: without those that were not set."""
    body = model.model_dump_json(by_alias=True, exclude_unset=only_set).encode()
    return web.Response(body=body, status=status, content_type=JSON, headers=headers)
