"""`GET /problems/{slug}`: what a problem means and what to do. Every `type` of a problem document leads here."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, Field

from lineagehub.web.answers import json_answer
from lineagehub.web.problems import NOT_FOUND, PROBLEMS, Problem, Refused, problem_by_slug


class ProblemPage(BaseModel):
    """One kind of problem."""

    type: str
    title: str
    status: int
    reason: str
    help: str = Field(description="What to do.")


class ProblemList(BaseModel):
    """The whole catalogue."""

    problems: list[ProblemPage]


async def read_problem(request: web.Request) -> web.Response:
    """Answer one problem."""
    problem = problem_by_slug(request.match_info["slug"])
    if problem is None:
        raise Refused(NOT_FOUND, "There is no problem of that name; /problems lists all.")
    return json_answer(_describe(problem))


async def list_problems(request: web.Request) -> web.Response:
    """Answer the catalogue."""
    return json_answer({"problems": [_describe(problem) for problem in PROBLEMS]})


def _describe(problem: Problem) -> dict[str, object]:
    return {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "reason": problem.reason,
        "help": problem.help,
    }
