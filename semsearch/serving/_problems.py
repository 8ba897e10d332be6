"""Errors as RFC 9457 has them: ``application/problem+json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from semsearch.errors import ArticleNotFoundError, EngineError, EngineUnavailableError, SemsearchError

__all__ = ["PROBLEM_TYPE", "Refusal", "problem", "problem_of"]

PROBLEM_TYPE = "application/problem+json"


class Refusal(Exception):  # noqa: N818 - it is an answer
    """A request that is answered with a problem."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors

    @classmethod
    def of_field(cls, name: str, message: str) -> Refusal:
        """Refuse the value of one field."""
        return cls(422, message, errors=[{"field": name, "message": message}])

    def response(self) -> Response:
        """Return it as a response."""
        return problem(self.status, self.detail, headers=self.headers, errors=self.errors)


def problem(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] | None = None,
) -> Response:
    """Return a response that says what is wrong."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors is not None:
        body["errors"] = list(errors)
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(text, status, headers=dict(headers or {}), media_type=PROBLEM_TYPE)


def problem_of(error: SemsearchError) -> Refusal:
    """Say what went wrong with the index to who cannot mend it: without paths and addresses."""
    if isinstance(error, ArticleNotFoundError):
        return Refusal(404, str(error))
    if isinstance(error, EngineUnavailableError):
        return Refusal(503, "the engine that keeps the index does not answer: try again", headers={"Retry-After": "5"})
    if isinstance(error, EngineError):
        return Refusal(503, f"the engine that keeps the index refuses this ({type(error).__name__}): the log says more")
    return Refusal(500, f"the index cannot answer ({type(error).__name__}): the server's log says more")
