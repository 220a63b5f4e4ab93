"""ASGI application of a service: routes, bounds on requests, errors as JSON."""

from __future__ import annotations

import asyncio
import json
import logging
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import cast

import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from handgrad.graph.threads import available_cores
from handgrad.tables.runs.table_model import TableModel
from handgrad.tables.service.openapi import openapi
from handgrad.tables.service.rows import PredictionRequest, RowPredictor
from handgrad.textbook.errors import HandgradError
from handgrad.textbook.version import __version__

log = logging.getLogger("handgrad.service")


@dataclass(frozen=True)
class ServiceLimits:
    """Bounds of a service.

    Parameters
    ----------
    body : int, default 10 MB
        Bytes of a request.
    rows : int, default 10 000
        Rows of a request.
    seconds : float, default 20
        Time for a request's body to arrive.
    threads : int, optional
        Requests that are predicted at once; by default one for each core.
    waiting : int, default 64
        Requests that wait for a thread; more are refused with 503.
    """

    body: int = 10_000_000
    rows: int = 10_000
    seconds: float = 20.0
    threads: int = field(default_factory=available_cores)
    waiting: int = 64


def application(model: str | Path, limits: ServiceLimits | None = None) -> Starlette:
    """Make the ASGI application of a model file, for any ASGI server.

    It answers `POST /predict`, `GET /health` and `GET /openapi.json`. Predictions run in threads,
    after one to warm up.

    Parameters
    ----------
    model : str or Path
        Model of tables, written by `handgrad train`.
    limits : ServiceLimits, optional
        Bounds on requests.

    Returns
    -------
    Starlette
        The application: `uvicorn.run(application("model.safetensors"))`.

    Raises
    ------
    HandgradError
        If the file is no model of tables.
    """
    service = _Service(TableModel.of(Path(model)), limits or ServiceLimits())
    return Starlette(
        routes=[
            Route("/predict", service.predict, methods=["POST"]),
            Route("/health", service.health),
            Route("/openapi.json", service.openapi),
        ],
        exception_handlers={
            HandgradError: _unprocessable,
            HTTPException: _refused,
            Exception: _failed,
        },
    )


class _Service:
    def __init__(self, model: TableModel, limits: ServiceLimits) -> None:
        self.model, self.limits = model, limits
        self.predictor, self.n_accepted = RowPredictor(model), 0
        self.threads = anyio.CapacityLimiter(limits.threads)
        self.predictor.warm_up()

    async def health(self, request: Request) -> Response:
        model = {
            "file": self.model.path.name,
            "target": self.model.predicted,
            "task": self.model.task,
        }
        return _json({"status": "ok", "handgrad": __version__, "model": model})

    async def openapi(self, request: Request) -> Response:
        return _json(openapi(self.model, self.predictor, self.limits.rows))

    async def predict(self, request: Request) -> Response:
        if self.n_accepted >= self.limits.threads + self.limits.waiting:
            raise HTTPException(503, "too many requests at once", {"Retry-After": "1"})
        self.n_accepted += 1
        try:
            body = await self._body(request)
            # In a context of its own: messages name options as a request does.
            predicted = partial(Context().run, self._predicted, body)
            return await anyio.to_thread.run_sync(predicted, limiter=self.threads)
        finally:
            self.n_accepted -= 1

    def _predicted(self, body: bytes) -> Response:
        try:
            document = json.loads(body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise HTTPException(400, f"the body is not JSON: {why}") from error
        return _json(self.predictor(PredictionRequest.of(document, self.limits.rows)))

    async def _body(self, request: Request) -> bytes:
        """The body of a request, as far as it is within the bounds."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HTTPException(415, f"the content type {kind!r}, expected application/json")
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for piece in request.stream():
                    body += piece
                    if len(body) > self.limits.body:
                        most = f"{self.limits.body:,} bytes"
                        raise HTTPException(413, f"a body of more than {most}")
        except TimeoutError as error:
            raise HTTPException(408, f"no whole body in {self.limits.seconds:g} s") from error
        except ClientDisconnect as error:
            raise HTTPException(400, "the connection was closed in the body") from error
        return bytes(body)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON; null is a missing value")


def _json(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return Response(text.encode("utf-8", "replace"), status, headers, "application/json")


async def _unprocessable(request: Request, error: Exception) -> Response:
    parts = {name: getattr(error, name) for name in ("came", "expected", "hint")}
    row = getattr(error, "row", None)
    return _json({"error": parts | ({} if row is None else {"row": row})}, 422)


async def _refused(request: Request, error: Exception) -> Response:
    error = cast("HTTPException", error)
    # What is left of the body is not read.
    close = {"Connection": "close"} if request.method == "POST" else {}
    headers = {**(error.headers or {}), **close}
    return _json({"error": {"came": error.detail}}, error.status_code, headers)


async def _failed(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _json({"error": {"came": HTTPStatus(500).phrase}}, 500)
