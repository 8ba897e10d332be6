"""The OpenAPI document: what FastAPI makes of the routes, and the problems that each of them may answer."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from semsearch.serving._models import Problem
from semsearch.serving._problems import PROBLEM_TYPE

__all__ = ["document"]

_DESCRIPTION = """\
Every answer that comes from the index names the `generation` that gave it. Offsets are characters (Unicode code points)
of the article's text, from 0. What articles say is untrusted text: show it as text.
"""
_PROBLEMS = {
    "400": "The request cannot be read.",
    "401": "A token is needed.",
    "403": "A page of another site asks.",
    "404": "There is no such article.",
    "408": "The body did not come in time.",
    "413": "The body is too long.",
    "415": "The body is not JSON.",
    "421": "The server does not answer by this name.",
    "422": "A value makes no sense: `errors` says which.",
    "429": "The client asks too often: `Retry-After` says when to come again.",
    "500": "The index is damaged, or something is wrong in the server.",
    "503": "Too many searches at once, one that took too long, or an engine that does not answer.",
}
_OF_BODIES = {"408", "413", "415"}
_OF_ARTICLES = {"/api/v1/article", "/api/v1/similar"}


def document(api: FastAPI) -> dict[str, Any]:
    """Return the document."""
    made = get_openapi(
        title=api.title,
        version=api.version,
        summary=api.summary,
        description=_DESCRIPTION,
        openapi_version="3.1.0",
        routes=api.routes,
    )
    schemas = made["components"]["schemas"]
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schemas["Problem"].pop("$defs", {}))
    made["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "Off loopback, and wherever the server has one."}
    }
    made["security"] = [{}, {"token": []}]
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            operation["responses"].update(_problems(path, method))
    return made


def _problems(path: str, method: str) -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": what, "content": content}
        for status, what in _PROBLEMS.items()
        if (status not in _OF_BODIES or method == "post") and (status != "404" or path in _OF_ARTICLES)
    }
