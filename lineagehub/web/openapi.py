"""OpenAPI 3.1, made from ENDPOINTS and the models that the handlers use, so that it cannot lag behind them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, get_args

import msgspec
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from lineagehub import __version__
from lineagehub.contract.headers import HTTP_NAMESPACE
from lineagehub.web.endpoint import JSON, PROTOBUF, Content, Endpoint
from lineagehub.web.middleware.auth import CHALLENGE
from lineagehub.web.problems import MEDIA_TYPE, Problem, ProblemDocument
from lineagehub.web.rate_limits import LIMIT, POLICY

REFERENCE = "#/components/schemas/{model}"
SECURITY_SCHEME = "apiKey"
WAIT_STATUSES = (429, 503)
_CREDENTIALS = f"An API key, or an access token of the hub's OpenID issuer. {CHALLENGE}"
_NAMESPACE_HEADER = {
    HTTP_NAMESPACE: "Which of your namespaces is meant, if your token gives several; `*` for the platform."
}

_ANSWER_HEADERS = {
    POLICY: 'The rate in force, in the syntax of the IETF draft: `"rps";q=1000;w=1` is 1,000 items a second, over time.',
    LIMIT: 'What is left of it: with `"rps";r=4200;t=2` 4,200 items can come at once now, and the whole burst in 2 s.',
}
_WAITING = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}

Schema = dict[str, Any]


def openapi_document(endpoints: Sequence[Endpoint]) -> Schema:
    """Return the document, JSON-ready. Pure; takes some 50 ms, so call it once."""
    paths: dict[str, Schema] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LineageHub",
            "version": __version__,
            "description": "A multi-tenant hub for OpenLineage and OpenTelemetry. The API key or token decides the namespace.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _schemas(endpoints),
            "headers": {
                name: {"description": description, "schema": {"type": "string"}}
                for name, description in _ANSWER_HEADERS.items()
            },
            "securitySchemes": {
                SECURITY_SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": _CREDENTIALS,
                }
            },
        },
    }


def _operation(endpoint: Endpoint) -> Schema:
    operation: Schema = {
        "operationId": endpoint.handler.__name__,
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "parameters": [*_path_parameters(endpoint.path), *_header_parameters(endpoint), *_query_parameters(endpoint)],
        "responses": {
            **{str(status): _response(endpoint, content) for status, content in endpoint.responses.items()},
            **_problem_responses(endpoint),
        },
    }
    if endpoint.scope is not None:
        operation["security"] = [{SECURITY_SCHEME: []}]
        operation["description"] = f"Needs the scope `{endpoint.scope.value}`."
    if endpoint.request is not None:
        operation["requestBody"] = {
            "required": True,
            "description": endpoint.request.description,
            "content": _media_types(endpoint.request),
        }
    return operation


def _path_parameters(path: str) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _header_parameters(endpoint: Endpoint) -> list[Schema]:
    return [
        {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}
        for name, description in {**endpoint.headers, **(_NAMESPACE_HEADER if endpoint.scope else {})}.items()
    ]


def _query_parameters(endpoint: Endpoint) -> list[Schema]:
    if endpoint.query is None:
        return []
    schema = endpoint.query.model_json_schema(by_alias=True)
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": member.pop("description", ""),
            "schema": member,
        }
        for name, member in schema["properties"].items()
    ]


def _response(endpoint: Endpoint, content: Content) -> Schema:
    response: Schema = {"description": content.description or "Done.", "content": _media_types(content)}
    if headers := _answer_headers(endpoint):
        response["headers"] = headers
    return response


def _answer_headers(endpoint: Endpoint) -> Schema:
    names = _ANSWER_HEADERS if endpoint.traffic else ()
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problem_responses(endpoint: Endpoint) -> dict[str, Schema]:
    responses: dict[str, Schema] = {}
    for problem in endpoint.all_problems():
        status = str(problem.status)
        if int(status) in endpoint.responses:
            continue
        line = f"`{problem.reason}`: {problem.title}. {problem.help}"
        if status in responses:
            responses[status]["description"] += f"\n\n{line}"
        else:
            headers = _answer_headers(endpoint) | (_WAITING if _says_how_long(endpoint, problem) else {})
            responses[status] = {"description": line, "content": _problem_content(endpoint)}
            if headers:
                responses[status]["headers"] = headers
    return responses


def _says_how_long(endpoint: Endpoint, problem: Problem) -> bool:
    is_slept_out = endpoint.clients_sleep and problem.status == HTTPStatus.TOO_MANY_REQUESTS
    return problem.status in WAIT_STATUSES and not is_slept_out


def _problem_content(endpoint: Endpoint) -> Schema:
    if endpoint.speaks_marquez:
        members = {"code": {"type": "integer"}, "message": {"type": "string"}}
        return {JSON: {"schema": {"type": "object", "properties": members, "required": ["code", "message"]}}}
    if not endpoint.speaks_otlp:
        return {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model=ProblemDocument.__name__)}}}
    status = {"type": "object", "properties": {"code": {"type": "integer"}, "message": {"type": "string"}}}
    return {PROTOBUF: {"schema": {"description": "google.rpc.Status"}}, "application/json": {"schema": status}}


def _media_types(content: Content) -> Schema:
    return {media_type: {"schema": _schema_of(content, media_type)} for media_type in content.media_types}


def _schema_of(content: Content, media_type: str) -> Schema:
    if content.model is None:
        return {"type": "object"} if media_type.endswith("json") else {}
    references = [{"$ref": REFERENCE.format(model=model.__name__)} for model in _alternatives(content.model)]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {"type": "array", "items": schema} if content.is_list and media_type == JSON else schema


def _schemas(endpoints: Sequence[Endpoint]) -> Schema:
    pydantic_models, structs = _models(endpoints)
    _, definitions = models_json_schema(
        [(model, "serialization") for model in pydantic_models], by_alias=True, ref_template=REFERENCE
    )
    schemas: Schema = dict(definitions.get("$defs", {}))
    schemas.update(msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")[1])
    return dict(sorted(schemas.items()))


def _models(endpoints: Iterable[Endpoint]) -> tuple[list[type[BaseModel]], list[type[msgspec.Struct]]]:
    contents = [content for endpoint in endpoints for content in (endpoint.request, *endpoint.responses.values())]
    models = [
        ProblemDocument,
        *(m for content in contents if content and content.model for m in _alternatives(content.model)),
    ]
    unique = list(dict.fromkeys(models))
    return (
        [model for model in unique if issubclass(model, BaseModel)],
        [model for model in unique if issubclass(model, msgspec.Struct)],
    )


def _alternatives(model: Any) -> tuple[Any, ...]:
    return get_args(model) or (model,)
