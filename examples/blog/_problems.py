"""Errors as problem details (RFC 9457), those of validation and of the framework included.

A problem says where something is wrong and why, and repeats nothing of what was sent.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException

__all__ = ["Fault", "Problem", "ProblemError", "answer_with_problems", "responses"]

log: logging.Logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
NO_STORE = {"Cache-Control": "no-store"}

TEMPLATE = "#/components/schemas/{model}"
"""Where OpenAPI has its schemas."""


class Fault(BaseModel):
    """One thing that is wrong: a member of the body, by its JSON pointer, or a parameter."""

    pointer: str | None = None
    parameter: str | None = None
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457); `type` is about:blank, so the status says it all."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str | None = None
    errors: list[Fault] | None = None


class ProblemError(Exception):
    """A request that ends with a problem."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status: HTTPStatus = status
        self.detail: str = detail


def responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation may end with, for its description; each takes what may not fit."""
    content = {MEDIA_TYPE: {"schema": {"$ref": TEMPLATE.format(model=Problem.__name__)}}}
    described = (HTTPStatus.UNPROCESSABLE_ENTITY, *statuses)
    return {status.value: {"description": status.phrase, "content": content} for status in described}


def answer_with_problems(app: FastAPI) -> None:
    """Have the app answer every error with a problem; a body too large alone is answered before the app has it."""
    app.exception_handler(ProblemError)(_own)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_frameworks)
    app.exception_handler(Exception)(_unexpected)
    app.openapi = partial(_described, app, app.openapi)  # type: ignore[method-assign]  # as FastAPI documents it


def _described(app: FastAPI, openapi: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The app's description with the schemas that `responses` names, which no operation returns."""
    if app.openapi_schema is None:
        _, schemas = models_json_schema([(Problem, "serialization")], ref_template=TEMPLATE)
        openapi()["components"]["schemas"] |= schemas["$defs"]
    return openapi()


async def _own(_: Request, error: ProblemError) -> JSONResponse:
    return _response(error.status, error.detail)


async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return _response(HTTPStatus.BAD_REQUEST, "The body is not JSON.")
    return _response(HTTPStatus.UNPROCESSABLE_ENTITY, "The request does not fit.", [*map(_fault, faults)])


async def _frameworks(_: Request, error: HTTPException) -> JSONResponse:
    return _response(HTTPStatus(error.status_code), None, headers=error.headers)


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    log.error("request.failed", extra={"error": type(error).__name__})
    return _response(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here. Try again in a moment.")


def _response(
    status: HTTPStatus,
    detail: str | None,
    errors: list[Fault] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(title=status.phrase, status=status, detail=detail, errors=errors)
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, status, {**NO_STORE, **(headers or {})}, media_type=MEDIA_TYPE)


def _fault(fault: Mapping[str, Any]) -> Fault:
    place, *steps = fault["loc"]
    if place != "body":
        return Fault(parameter=str(steps[0]), detail=fault["msg"].removeprefix("Value error, "))
    if fault["type"] == "extra_forbidden":  # its last step is what was sent
        return Fault(pointer=_pointer(steps[:-1]), detail="There is a member that is not known.")
    return Fault(pointer=_pointer(steps), detail=fault["msg"].removeprefix("Value error, "))


def _pointer(steps: Sequence[object]) -> str:
    """A JSON pointer as a fragment (RFC 6901, 6). The steps are names of members, which need no escape, and numbers."""
    return "#" + "".join(f"/{step}" for step in steps)
