"""What an endpoint is: route, scope, handler, and everything that its documentation says.

endpoints/ holds the list of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.web_urldispatcher import AbstractRoute
from pydantic import BaseModel

from lineagehub.contract.control import Scope
from lineagehub.quota.rate_limiter import Traffic
from lineagehub.web.problems import (
    BODY_PROBLEMS,
    CREDENTIAL_PROBLEMS,
    INGEST_PROBLEMS,
    RATE_LIMITED,
    READ_PROBLEMS,
    Problem,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

JSON = "application/json"
NDJSON = "application/x-ndjson"
PROTOBUF = "application/x-protobuf"

_TRAFFIC = {
    Scope.INGEST_WRITE: Traffic.INGEST,
    Scope.LINEAGE_READ: Traffic.READ,
    Scope.TELEMETRY_READ: Traffic.READ,
    Scope.AUDIT_READ: Traffic.READ,
}
"""What is limited, by the scope that it needs; management is not."""
_TRAFFIC_PROBLEMS = {Traffic.INGEST: INGEST_PROBLEMS, Traffic.READ: (RATE_LIMITED,)}


@dataclass(frozen=True, slots=True)
class Content:
    """A body: its media types, and the model that describes it (pydantic, msgspec, or none where a standard does).

    `is_list`: the body is an array of the model in JSON, and one a line in NDJSON.
    """

    media_types: tuple[str, ...]
    model: Any = None
    description: str = ""
    is_list: bool = False


def json_of(model: Any, description: str = "") -> Content:
    """Return the content of a JSON body with this model."""
    return Content((JSON,), model, description)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route. `scope` None means that nobody is asked who he is. `speaks_otlp`: refusals are a google.rpc.Status;
    `speaks_marquez`: they are Marquez's `{"code", "message"}`. `clients_sleep`: they obey the Retry-After of a 429 within the user's call
    (openlineage-python's HTTP transport, Apache HttpClient), so none is said. `traffic`: which rate limit it is under, if any.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    scope: Scope | None = None
    request: Content | None = None
    query: type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    responses: Mapping[int, Content] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    speaks_otlp: bool = False
    speaks_marquez: bool = False
    clients_sleep: bool = False
    traffic: Traffic | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "traffic", _TRAFFIC.get(self.scope) if self.scope else None)

    def all_problems(self) -> list[Problem]:
        """Return its own problems and those that come with a scope, a rate, a read and a body, without repeats, by status."""
        problems = [
            *(_TRAFFIC_PROBLEMS[self.traffic] if self.traffic else ()),
            *(CREDENTIAL_PROBLEMS if self.scope else ()),
            *(READ_PROBLEMS if self.scope and self.method == "GET" else ()),
            *(BODY_PROBLEMS if self.request else ()),
            *self.problems,
        ]
        return sorted(dict.fromkeys(problems), key=lambda problem: (problem.status, problem.slug))


ROUTES: web.AppKey[dict[AbstractRoute, Endpoint]] = web.AppKey("routes", dict)


def endpoint_of(request: web.Request) -> Endpoint | None:
    """Return the endpoint that serves this request, or None where no route fits (404, 405)."""
    return request.app[ROUTES].get(request.match_info.route)


def speaks_otlp(request: web.Request) -> bool:
    """Tell whether refusals of this request are a google.rpc.Status; also where an OTLP route has another method."""
    endpoint = endpoint_of(request)
    if endpoint is not None:
        return endpoint.speaks_otlp
    return any(other.speaks_otlp and other.path == request.path for other in request.app[ROUTES].values())


def speaks_marquez(request: web.Request) -> bool:
    """Tell whether refusals of this request are Marquez's; also where no route of its API fits."""
    return request.path.startswith("/marquez/")
