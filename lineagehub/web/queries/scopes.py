"""Whose data a lineage read is about: the caller's own, or also what other namespaces share. Used by the graph, impact and search."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.contract.lineage import Fault
from lineagehub.store.queries.aliases import Name
from lineagehub.store.queries.shared_graph import Reader
from lineagehub.web.parts import PARTS, namespace_of
from lineagehub.web.queries.parameters import refuse_parameters

_TOKEN_BYTES = 16


class ScopeQuery(BaseModel):
    """Whose data."""

    scope: Literal["own", "shared"] = Field(
        "own", description="own: the caller's namespace alone; shared: also what other namespaces share."
    )


def reader_of(request: web.Request) -> Reader:
    """Return the caller as one who reads what others share, as the directory knows it at each moment."""
    namespace, parts = namespace_of(request), request.app[PARTS]

    def sharers_of(dataset: Name) -> Mapping[str, int]:
        found = parts.directory.shared_datasets.sharers(dataset)
        found.pop(namespace, None)
        return found

    def redact(text: str) -> str:
        message = json.dumps([namespace, text]).encode()
        return hmac.digest(parts.sealer.redaction_key, message, "sha256")[:_TOKEN_BYTES].hex()

    return Reader(namespace, sharers_of, redact)


def refuse_as_of(as_of: datetime | None) -> None:
    """Refuse a time together with `scope=shared`: what is shared is shared as it is now."""
    if as_of is not None:
        raise refuse_parameters([Fault("/asOf", "goes with scope=own only: others share what is there now.")])
