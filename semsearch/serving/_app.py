"""The API: what is asked for where. An ASGI application."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from semsearch._version import __version__
from semsearch.errors import ArticleNotFoundError, SemsearchError
from semsearch.serving._archive import Archive, as_bytes
from semsearch.serving._desk import Desk
from semsearch.serving._documented import document
from semsearch.serving._gate import WITH_BODIES, Gate
from semsearch.serving._models import (
    ArticleAnswer,
    ArticleParameters,
    Health,
    SearchAnswer,
    SearchBody,
    SearchParameters,
    SimilarParameters,
    SourcesAnswer,
    Status,
)
from semsearch.serving._page import INDEX, PageFile, read_page
from semsearch.serving._problems import Refusal, problem, problem_of
from semsearch.serving._questions import Asked, asked_by_body, asked_by_parameters, asked_for_similar

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send
    from typing_extensions import Self

    from semsearch.searching import LiveIndex
    from semsearch.serving._settings import Settings

__all__ = ["App", "describe"]

_LOG = logging.getLogger("semsearch.serving")
_JSON = "application/json"
_MOST_ERRORS = 20  # are told; thousands of names that nobody knows fit into a body
_T = TypeVar("_T")


class App:
    """The page and the API of an index, for any ASGI server. Close it, or let the server's lifespan do so.

    Args:
        index: The index's folder, its address in an engine, or one that is open; it is closed with this.
        settings: Whom it answers, and how much it does for them.

    Raises:
        SemsearchError: As :func:`~semsearch.open_index`.
    """

    def __init__(self, index: str | os.PathLike[str] | LiveIndex, settings: Settings) -> None:
        self.archive = Archive(index, refresh=settings.refresh, cache_bytes=settings.cache_bytes)
        self._desk = Desk(settings.threads, settings.waiting, settings.timeout)
        self._closed = False
        self.api = _make_api(self)
        self._asgi = Gate(self.api, settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self._asgi(scope, receive, send)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait for the searches that run, and let go of the index. It may be done twice."""
        if not self._closed:
            self._closed = True
            self._desk.close()
            self.archive.close()

    async def hits(self, asked: Asked, request: Request) -> Response:
        """Answer a search."""
        began = perf_counter()
        answer = self.archive.known(asked)
        if answer is None:
            answer = await self.done(partial(self.archive.answer, asked, asked.ask), request)
        seconds = b',"seconds":%.6f}' % (perf_counter() - began)
        return Response(answer + seconds, media_type=_JSON)

    async def done(self, work: Callable[[], _T], request: Request) -> _T:
        """Do something with the index in a thread, and say what goes wrong as a client may know it."""
        if self._closed:
            raise Refusal(503, "the server is being ended", headers={"Retry-After": "5"})
        try:
            return await self._desk.run(work, partial(_gone, request))
        except ArticleNotFoundError as error:
            raise problem_of(error) from None
        except ValueError as error:
            raise Refusal(422, str(error), errors=[{"field": "", "message": str(error)}]) from None
        except SemsearchError as error:
            _LOG.error("a question could not be answered: %s", error)
            raise problem_of(error) from None


def describe() -> dict[str, Any]:
    """Return the description of the API; no index is needed for it."""
    api = _make_api(cast(App, None))  # the routes ask it only when somebody asks them
    return cast(dict[str, Any], api.state.description)


def _make_api(app: App) -> FastAPI:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        app.close()

    api = FastAPI(
        title="semsearch",
        version=__version__,
        summary="Search an archive of articles by meaning: ranked passages that can be cited.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    _answer_errors(api)
    _add_searches(api, app)
    _add_reading(api, app)
    _add_state(api, app)
    api.state.description = document(api)
    _add_page(api, as_bytes(api.state.description))
    return api


async def _gone(request: Request) -> None:
    """Return once the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _add_searches(api: FastAPI, app: App) -> None:
    @api.get("/api/v1/search", response_model=SearchAnswer, tags=["search"])
    async def search(given: Annotated[SearchParameters, Query()], request: Request) -> Response:
        """Find the passages that answer best, best first."""
        return await app.hits(asked_by_parameters(given), request)

    @api.post("/api/v1/search", response_model=SearchAnswer, tags=["search"])
    async def search_by_body(given: SearchBody, request: Request) -> Response:
        """Find the passages that answer best: the same, for what is too long for an address."""
        return await app.hits(asked_by_body(given), request)

    @api.get("/api/v1/similar", response_model=SearchAnswer, tags=["search"])
    async def similar(given: Annotated[SimilarParameters, Query()], request: Request) -> Response:
        """Find passages of other articles that are most like an article, or one paragraph of it."""
        return await app.hits(asked_for_similar(given), request)


def _add_reading(api: FastAPI, app: App) -> None:
    @api.get("/api/v1/article", response_model=ArticleAnswer, tags=["reading"])
    async def article(given: Annotated[ArticleParameters, Query()], request: Request) -> Response:
        """Read a whole article, and where its paragraphs are."""
        return Response(await app.done(partial(app.archive.article, given.id), request), media_type=_JSON)

    @api.get("/api/v1/sources", response_model=SourcesAnswer, tags=["reading"])
    async def sources(request: Request) -> Response:
        """List the sources of the index, that with the most articles first."""
        return Response(await app.done(app.archive.sources, request), media_type=_JSON)


def _add_state(api: FastAPI, app: App) -> None:
    @api.get("/api/v1/status", response_model=Status, tags=["state"])
    async def status(request: Request) -> Response:
        """Say what is in the index, and what makes its answers other than they should be."""
        return Response(await app.done(app.archive.status, request), media_type=_JSON)

    @api.get("/api/v1/health", response_model=Health, tags=["state"])
    async def health() -> Response:
        """Say whether searches are answered."""
        ok = app.archive.is_reachable
        body = {
            "status": "ok" if ok else "unavailable",
            "generation": app.archive.generation,
            "warnings": app.archive.warnings,
        }
        if not ok:
            return problem(503, "the engine that keeps the index does not answer", headers={"Retry-After": "10"})
        return Response(as_bytes(body), media_type=_JSON)


def _add_page(api: FastAPI, openapi: bytes) -> None:
    page = read_page()

    @api.get("/api/openapi.json", include_in_schema=False)
    async def documentation() -> Response:
        return Response(openapi, media_type=_JSON)

    @api.get("/", include_in_schema=False)
    async def index(request: Request) -> Response:
        return _file(page[INDEX], request)

    @api.get("/page/{name}", include_in_schema=False)
    async def asset(name: str, request: Request) -> Response:
        file = page.get(name)
        if file is None or name == INDEX:
            raise Refusal(404, "there is no such file")
        return _file(file, request)


def _file(file: PageFile, request: Request) -> Response:
    headers = {"etag": file.etag, "cache-control": "no-cache"}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def _answer_errors(api: FastAPI) -> None:
    async def refused(_: Request, error: Any) -> Response:
        return error.response()  # type: ignore[no-any-return]  # it is a Refusal

    async def invalid(_: Request, error: Any) -> Response:
        errors = [_shown(one) for one in error.errors()[:_MOST_ERRORS]]
        detail = "; ".join(f"{one['field']}: {one['message']}" for one in errors[:5])
        return problem(422, detail or "the request cannot be read", errors=errors)

    async def other(request: Request, error: Any) -> Response:
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        if error.status_code == 405:
            path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
            headers["allow"] = "GET, POST" if path in WITH_BODIES else "GET"  # Starlette names those of one route
        return problem(error.status_code, str(error.detail), headers=headers)

    async def failed(_: Request, error: Exception) -> Response:
        return problem(500, f"something is wrong in the server ({type(error).__name__}): its log says more")

    api.add_exception_handler(Refusal, refused)
    api.add_exception_handler(RequestValidationError, invalid)
    api.add_exception_handler(HTTPException, other)
    api.add_exception_handler(Exception, failed)


def _shown(error: dict[str, Any]) -> dict[str, str]:
    """Return what pydantic says of a field, but not what was given, which may be long or no text at all."""
    place = ".".join(str(part) for part in error.get("loc", ())[1:])[:200]
    return {"field": json.loads(json.dumps(place)), "message": str(error.get("msg", ""))[:500]}
