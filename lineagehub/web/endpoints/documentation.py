"""Endpoints that explain the others: problems, OpenAPI, the documentation page. Handlers: ops/."""

from __future__ import annotations

from lineagehub.web.endpoint import JSON, Content, Endpoint, json_of
from lineagehub.web.ops.docs_page import Welcome, read_docs, read_docs_asset, read_openapi, read_root
from lineagehub.web.ops.problem_pages import ProblemList, ProblemPage, list_problems, read_problem
from lineagehub.web.problems import (
    NOT_FOUND,
)

TAG = "Documentation"

DOCUMENTATION_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/problems",
        list_problems,
        "Read the catalogue of problems.",
        TAG,
        responses={200: json_of(ProblemList)},
    ),
    Endpoint(
        "GET",
        "/problems/{slug}",
        read_problem,
        "Read what a problem means and what to do.",
        TAG,
        responses={200: json_of(ProblemPage)},
        problems=(NOT_FOUND,),
    ),
    Endpoint(
        "GET",
        "/openapi.json",
        read_openapi,
        "Read this description.",
        TAG,
        responses={200: Content((JSON,))},
    ),
    Endpoint(
        "GET",
        "/docs",
        read_docs,
        "Read the documentation page.",
        TAG,
        responses={200: Content(("text/html",))},
    ),
    Endpoint(
        "GET",
        "/docs/{name}",
        read_docs_asset,
        "Read a file of the documentation page.",
        TAG,
        responses={200: Content(("text/javascript", "text/css", "image/png"))},
        problems=(NOT_FOUND,),
    ),
    Endpoint(
        "GET",
        "/",
        read_root,
        "Read what this is and where its documentation stands.",
        TAG,
        responses={200: json_of(Welcome)},
    ),
)
