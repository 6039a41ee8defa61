"""The HTTP server: one request from arrival to audit.

`SimulatedModel` is the whole life of a request, step by step:

1. It gets its number; seed and number decide its fate (`chance`).
2. What a provider turns away before a model reads it is turned away, unbilled: wrong key, no such
   request, unknown model, over the limit of requests, 429 and 500 by chance.
3. The passage is answered: from recorded pairs, by the heuristic, or not at all.
4. Processing takes its time, whether or not the client still waits.
5. The request is billed and written down.
6. The response leaves, unless the fault is that it does not.
"""

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from equal_stream.simulate.audit import Audit, AuditRecord
from equal_stream.simulate.chance import Chance
from equal_stream.simulate.chat import ChatRequest, InvalidRequest, read_request
from equal_stream.simulate.completion import complete
from equal_stream.simulate.heuristic import pairs_of
from equal_stream.simulate.outcomes import Outcome
from equal_stream.simulate.pairs import Pair
from equal_stream.simulate.recorded import RecordedPairs
from equal_stream.simulate.request_limit import RequestLimit

Unknown = Literal["empty", "heuristic"]


class TurnedAway(Exception):
    """The request is not processed; carries what the client is told."""

    def __init__(
        self, outcome: Outcome, status: int, code: str, message: str, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.status = status
        self.code = code
        self.retry_after = retry_after

    def response(self) -> Response:
        """Return the error as the OpenAI reference defines it."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        error = {"message": str(self), "type": self.code, "param": None, "code": self.code}
        return JSONResponse({"error": error}, self.status, headers)


class BrokenResponse(Response):
    """Promises a body and stops half-way through it, at which the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI signature
        """Send the headers and the first half of the body, and no more."""
        body = bytes(self.body)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})


@dataclass
class SimulatedModel:
    """A model that answers over HTTP, and its books.

    Parameters
    ----------
    recorded
        Documents whose pairs are given for their passages.
    unknown
        What passages of no recorded document get.
    model
        The only model served; empty serves whichever is asked for.
    api_key
        Required of every request where not empty.
    retry_after
        Seconds that a 429 by chance asks the client to wait.
    hang
        Seconds after which a timeout's connection is closed from this side.
    """

    chance: Chance = field(default_factory=Chance)
    audit: Audit = field(default_factory=Audit)
    limit: RequestLimit = field(default_factory=lambda: RequestLimit(0))
    recorded: RecordedPairs | None = None
    unknown: Unknown = "heuristic"
    model: str = ""
    api_key: str = field(default="", repr=False)
    retry_after: int = 1
    hang: float = 3600.0

    def __post_init__(self) -> None:
        self._arrived = self.audit.requests

    def app(self) -> Starlette:
        """Return the ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/audit", self.books),
                Route("/healthz", self.health),
            ]
        )

    async def chat(self, http: Request) -> Response:
        """Answer a chat completion request, or break the connection where the server is stopped meanwhile."""
        try:
            return await self._answer(http)
        except asyncio.CancelledError:  # no status would be true: the request may be billed already
            return BrokenResponse(b"{}", media_type="application/json")

    async def _answer(self, http: Request) -> Response:
        """Take the steps that are numbered in the module's docstring."""
        body = await http.body()
        self._arrived += 1
        ordinal = self._arrived
        draw = self.chance.draw(ordinal)
        try:
            request = self._admit(http, body, draw.outcome)
        except TurnedAway as refused:
            self.audit.add(
                AuditRecord(
                    ordinal, refused.outcome, billed=False, client_request_id=_client_request_id(http, None)
                )
            )
            return refused.response()
        passage = request.passage
        completion = complete(request, passage, self._pairs(passage)[: request.most_pairs], draw)
        await asyncio.sleep(draw.latency)
        self.audit.add(
            AuditRecord(
                ordinal,
                completion.outcome,
                billed=True,
                tokens_in=completion.tokens_in,
                tokens_out=completion.tokens_out,
                usage_delivered=completion.outcome.tells_usage and not await http.is_disconnected(),
                passage_sha256=hashlib.sha256(passage.encode("utf-8", "surrogatepass")).hexdigest(),
                client_request_id=_client_request_id(http, request),
            )
        )
        content = msgspec.json.encode(completion.body(ordinal, request.model))
        headers = {"x-request-id": f"simulated-{ordinal}"}
        if completion.outcome is Outcome.TIMEOUT:
            await self._until_client_gives_up(http)
        if completion.outcome in {Outcome.TIMEOUT, Outcome.RESET}:
            return BrokenResponse(content, headers=headers, media_type="application/json")
        return Response(content, headers=headers, media_type="application/json")

    async def models(self, http: Request) -> Response:
        """List the model that is served."""
        if not self._has_key(http):
            return self._wrong_key().response()
        model = {"id": self.model or "simulated", "object": "model", "created": 0, "owned_by": "simulate-llm"}
        return JSONResponse({"object": "list", "data": [model]})

    async def books(self, http: Request) -> Response:
        """Show the audit; ``?detail=1`` with every request."""
        detail = http.query_params.get("detail", "0").lower() not in {"", "0", "false", "no"}
        return Response(msgspec.json.encode(self.audit.summary(detail=detail)), media_type="application/json")

    async def health(self, _: Request) -> Response:
        """Say that the server is up."""
        return JSONResponse({"status": "ok"})

    def _admit(self, http: Request, body: bytes, drawn: Outcome) -> ChatRequest:
        """Return the request if a model is to read it, else raise TurnedAway; in a provider's order."""
        if not self._has_key(http):
            raise self._wrong_key()
        try:
            request = read_request(body)
        except InvalidRequest as error:
            raise TurnedAway(Outcome.INVALID, 400, "invalid_request_error", str(error)) from error
        if self.model and request.model != self.model:
            message = f"The model `{request.model}` does not exist; this server has `{self.model}`."
            raise TurnedAway(Outcome.UNKNOWN_MODEL, 404, "model_not_found", message)
        if wait := self.limit.wait(time.monotonic()):
            message = f"Rate limit of requests per minute reached; try again in {wait} s."
            raise TurnedAway(Outcome.RATE_LIMITED, 429, "rate_limit_exceeded", message, wait)
        if drawn is Outcome.BUSY:
            raise TurnedAway(
                drawn, 429, "rate_limit_exceeded", "The model is overloaded; try again.", self.retry_after
            )
        if drawn is Outcome.ERROR:
            raise TurnedAway(
                drawn, 500, "server_error", "The server had an error while processing your request."
            )
        return request

    def _pairs(self, passage: str) -> list[Pair]:
        pairs = self.recorded.pairs_in(passage) if self.recorded is not None else None
        if pairs is None:
            return pairs_of(passage) if self.unknown == "heuristic" else []
        return pairs

    def _has_key(self, http: Request) -> bool:
        given = http.headers.get("authorization", "").encode()
        return not self.api_key or hmac.compare_digest(given, f"Bearer {self.api_key}".encode())

    def _wrong_key(self) -> TurnedAway:
        return TurnedAway(Outcome.UNAUTHORIZED, 401, "invalid_api_key", "Incorrect API key provided.")

    async def _until_client_gives_up(self, http: Request) -> None:
        """Wait for the client to close the connection, but not for ever."""
        try:
            async with asyncio.timeout(self.hang):
                while (await http.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return


def _client_request_id(http: Request, request: ChatRequest | None) -> str:
    """Return what the client calls this request; empty where it has no name for it."""
    in_metadata = (request.metadata or {}).get("request_id") if request is not None else None
    of_user = request.user if request is not None else None
    return str(
        in_metadata
        or http.headers.get("idempotency-key")
        or http.headers.get("x-request-id")
        or of_user
        or ""
    )
