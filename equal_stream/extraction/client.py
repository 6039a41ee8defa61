"""One ticket, one answer: the call to an OpenAI-compatible endpoint.

What is retried and what is charged is decided in `faults`; here is only the loop around it. The `openai`
client's own retries are off, because it also repeats calls that may have been billed. The body is read
raw (see `completion`), so that an answer in an unexpected shape is still journaled and accounted for.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import httpx2
import openai

from equal_stream.extraction.asker import NoAnswer
from equal_stream.extraction.base import PassageText, Pricing, Ticket
from equal_stream.extraction.completion import Completion, read_completion
from equal_stream.extraction.dialect import Dialect
from equal_stream.extraction.faults import Fault, classify
from equal_stream.extraction.limits import Limits, Sleep
from equal_stream.extraction.prompt import PROMPT_VERSION, RESPONSE_SCHEMA, Prompt, prompt_for, request_bound
from equal_stream.messages import JournalEntry, now
from equal_stream.settings import LLMSettings

_FIRST_BACKOFF = 0.5  # seconds; doubles with each retry, and full jitter spreads it
_LONGEST_BACKOFF = 30.0
_CONNECT_SECONDS = 10.0
_READING_GRACE = 1.25  # of the timeout: a server that drips its answer is cut off in the end
_BYTES_PER_TOKEN = 3  # for the rate limiter's estimate only, put right by the bill


class LLMClient:
    """Asks the LLM for pairs; see `Asker`.

    Parameters
    ----------
    settings
        Endpoint, model, key, timeout, retries and output limit.
    pricing
        What a token costs.
    limits
        Admits calls; shared by all calls of this client.
    max_pairs
        Pairs asked for in one call.
    sleep, draw
        How to wait, and a source of uniform numbers in [0, 1) for jitter; tests pass their own.
    """

    def __init__(
        self,
        settings: LLMSettings,
        pricing: Pricing,
        limits: Limits,
        *,
        max_pairs: int,
        sleep: Sleep = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._pricing = pricing
        self._limits = limits
        self._max_pairs = max_pairs
        self._sleep = sleep
        self._draw = draw
        self._dialect = Dialect()
        self._proven = False  # whether the endpoint has answered in this dialect
        timeout = httpx2.Timeout(
            settings.timeout_seconds, connect=min(_CONNECT_SECONDS, settings.timeout_seconds)
        )
        self._openai = openai.AsyncOpenAI(
            base_url=settings.base_url,
            api_key=settings.api_key.get_secret_value()
            if settings.api_key
            else "none",  # servers without keys
            max_retries=0,
            timeout=timeout,
            http_client=openai.DefaultAsyncHttpxClient(timeout=timeout, follow_redirects=False),
        )

    async def ask(self, ticket: Ticket, passage: PassageText) -> JournalEntry | NoAnswer:
        """Make at most one billed call and return its raw answer, or how it ended without one."""
        prompt = prompt_for(passage.text, passage.title, self._max_pairs)
        bound = request_bound(prompt, RESPONSE_SCHEMA, self._settings.max_output_tokens)
        if bound > ticket.reserved_tokens:
            return NoAnswer(
                status="unsent",
                reason="over-reservation",
                error=f"The call could cost {bound} tokens and its ticket reserves {ticket.reserved_tokens}.",
            )
        dialect, retries = self._dialect, 0
        while True:
            try:
                completion = await self._attempt(ticket, prompt, dialect)
            except Exception as error:  # noqa: BLE001 (whatever happens, the ticket must end with its charge)
                if other := self._dialect_after(error, dialect):
                    dialect = other
                    continue
                fault = classify(error, self._settings.base_url)
            else:
                self._dialect, self._proven = dialect, True
                return self._entry(ticket, completion)
            if fault.pause:
                self._limits.pause(fault.pause)
            if fault.action != "again" or retries >= self._settings.max_retries:
                return _no_answer(fault)
            await self._sleep(self._backoff(retries))
            retries += 1

    async def close(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def _attempt(self, ticket: Ticket, prompt: Prompt, dialect: Dialect) -> Completion:
        estimate = prompt.bytes() // _BYTES_PER_TOKEN + self._settings.max_output_tokens
        async with self._limits.admission(estimate) as admission:
            parameters: dict[str, Any] = dialect.parameters(self._settings.max_output_tokens)
            if self._settings.temperature is not None:
                parameters["temperature"] = self._settings.temperature
            async with asyncio.timeout(self._settings.timeout_seconds * _READING_GRACE):
                response = await self._openai.chat.completions.with_raw_response.create(
                    model=self._settings.model,
                    messages=prompt.messages(),
                    extra_headers={"X-Request-Id": ticket.request_id, "Idempotency-Key": ticket.request_id},
                    **parameters,
                )
            completion = read_completion(response.content)
            if completion.usage is not None:
                admission.used(completion.usage.tokens_in + completion.usage.tokens_out)
            return completion

    def _entry(self, ticket: Ticket, completion: Completion) -> JournalEntry:
        """Write the bill: the server's usage, or the whole reservation when it did not say."""
        if completion.usage is not None:
            tokens_in, tokens_out = completion.usage.tokens_in, completion.usage.tokens_out
            cost = self._pricing.cost(tokens_in, tokens_out)
        else:
            tokens_out = min(self._settings.max_output_tokens, ticket.reserved_tokens)
            tokens_in = ticket.reserved_tokens - tokens_out
            cost = ticket.reserved_usd
        return JournalEntry(
            request_id=ticket.request_id,
            ticket_id=ticket.ticket_id,
            passage_id=ticket.passage_id,
            model=self._settings.model,
            prompt_version=PROMPT_VERSION,
            content=completion.content,
            finish_reason=completion.finish_reason,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            usage_known=completion.usage is not None,
            cost_usd=cost,
            at=now(),
        )

    def _dialect_after(self, error: Exception, dialect: Dialect) -> Dialect | None:
        if not isinstance(error, openai.APIStatusError):
            return None
        return dialect.after(error, proven=self._proven and dialect == self._dialect)

    def _backoff(self, retries: int) -> float:
        """Return a time drawn from [0, exponential bound): full jitter keeps workers out of step."""
        return self._draw() * min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0**retries)


def _no_answer(fault: Fault) -> NoAnswer:
    return NoAnswer(
        status="unknown" if fault.action == "unknown" else "unsent", reason=fault.reason, error=fault.sentence
    )
