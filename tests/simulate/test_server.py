"""The real `openai` client against a really running server."""

import asyncio
import hashlib
import json
from functools import lru_cache
from types import SimpleNamespace

import httpx
import openai
import pytest

from equal_stream.simulate.process import SimulatedLLM

from .documents import CHINESE, LIGHTHOUSES, LONG, LONG_TEXT, write

SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "pairs",
        "schema": {"type": "object", "properties": {"pairs": {"type": "array"}}},
    },
}
DEFINITION = "The cache is a store of recent answers that saves a lot of work."


@lru_cache
def connection(base_url, **options):
    return openai.OpenAI(base_url=base_url, **{"api_key": "any", "max_retries": 0, "timeout": 30, **options})


def client(llm, **options):
    return connection(llm.base_url, **options)


def ask(llm, passage, **fields):
    messages = [
        {"role": "system", "content": "Write question-answer pairs."},
        {"role": "user", "content": f"<passage>\n{passage}\n</passage>"},
    ]
    fields = {"model": "any", "response_format": SCHEMA, **fields}
    return client(llm).chat.completions.create(messages=messages, **fields)


def pairs(completion):
    return json.loads(completion.choices[0].message.content)["pairs"]


@pytest.fixture(scope="module")
def llm(tmp_path_factory):
    file = write(tmp_path_factory.mktemp("recorded") / "documents.jsonl.gz", LONG, CHINESE)
    with SimulatedLLM([file], in_mtok_cost=1.0, out_mtok_cost=4.0) as running:
        yield running


def test_chunks_are_answered_from_recorded_pairs_with_verbatim_evidence(llm):
    answered = set()
    for start in range(0, len(LONG_TEXT), 1500):
        chunk = LONG_TEXT[start : start + 1500].strip()
        for pair in pairs(ask(llm, chunk)):
            assert pair["evidence"] in chunk
            answered.add(pair["question"])
    assert len(answered) >= len(LIGHTHOUSES) - 1


def test_no_more_pairs_are_given_than_the_instructions_ask_for(llm):
    messages = [
        {"role": "system", "content": "Write at most 2 pairs."},
        {"role": "user", "content": LONG_TEXT},
    ]
    assert len(pairs(client(llm).chat.completions.create(model="any", messages=messages))) == 2


def test_an_unknown_passage_gets_heuristic_pairs_by_default_and_none_when_told_so(llm):
    (pair,) = pairs(ask(llm, DEFINITION))
    assert pair == {"question": "What is the cache?", "answer": DEFINITION, "evidence": DEFINITION}
    with SimulatedLLM(unknown="empty") as empty:
        assert pairs(ask(empty, DEFINITION)) == []


def test_usage_is_deterministic_grows_with_the_prompt_and_is_what_the_audit_bills(llm):
    before = llm.audit()
    small, again, large = ask(llm, DEFINITION), ask(llm, DEFINITION), ask(llm, LONG_TEXT[:3000])
    assert small.usage == again.usage
    assert large.usage.prompt_tokens > small.usage.prompt_tokens + 500
    assert small.usage.total_tokens == small.usage.prompt_tokens + small.usage.completion_tokens
    after = llm.audit()
    used = [completion.usage for completion in (small, again, large)]
    assert after["tokens_in"] - before["tokens_in"] == sum(usage.prompt_tokens for usage in used)
    assert after["tokens_out"] - before["tokens_out"] == sum(usage.completion_tokens for usage in used)
    assert after["usd"] == pytest.approx((after["tokens_in"] + 4 * after["tokens_out"]) / 1e6)


def test_the_requests_own_limit_of_tokens_cuts_the_answer_and_the_bill(llm):
    completion = ask(llm, DEFINITION, max_completion_tokens=10)
    assert completion.choices[0].finish_reason == "length"
    assert completion.usage.completion_tokens <= 10
    assert llm.audit(detail=True)["detail"][-1]["kind"] == "length"


def test_the_audit_names_each_request_as_the_client_does(llm):
    ask(llm, DEFINITION, user="by-user")
    ask(llm, DEFINITION, user="u", metadata={"request_id": "by-metadata"})
    ask(llm, DEFINITION, extra_headers={"X-Request-Id": "by-header"})
    ask(llm, DEFINITION, extra_headers={"Idempotency-Key": "by-key"})
    records = llm.audit(detail=True)["detail"][-4:]
    assert [record["client_request_id"] for record in records] == [
        "by-user",
        "by-metadata",
        "by-header",
        "by-key",
    ]
    assert {record["passage_sha256"] for record in records} == {
        hashlib.sha256(DEFINITION.encode()).hexdigest()
    }
    assert all(record["billed"] and record["usage_delivered"] for record in records)


def test_what_is_no_request_is_turned_away_unbilled(llm):
    before = llm.audit()["billed_requests"]
    with pytest.raises(openai.BadRequestError, match="Streaming"):
        ask(llm, DEFINITION, stream=True)
    assert httpx.post(f"{llm.base_url}/chat/completions", content=b"{").status_code == 400
    assert llm.audit()["billed_requests"] == before


def test_health_and_models_are_served(llm):
    assert httpx.get(llm.base_url.replace("/v1", "/healthz")).json() == {"status": "ok"}
    assert [model.id for model in client(llm).models.list()] == ["simulated"]


def test_a_named_model_and_a_key_are_required_where_they_are_set():
    with SimulatedLLM(model="tiny", api_key="sk-right") as guarded:
        with pytest.raises(openai.AuthenticationError) as wrong_key:
            ask(guarded, DEFINITION, model="tiny")
        right = client(guarded, api_key="sk-right").chat.completions
        messages = [{"role": "user", "content": DEFINITION}]
        with pytest.raises(openai.NotFoundError, match="tiny"):
            right.create(model="other", messages=messages)
        assert right.create(model="tiny", messages=messages).model == "tiny"
        audit = guarded.audit(detail=True)
    assert "sk-right" not in str(wrong_key.value) + json.dumps(audit)
    assert audit["kinds"] == {"answered": 1, "unauthorized": 1, "unknown_model": 1}
    assert audit["billed_requests"] == 1


@pytest.fixture(scope="module")
def observed():
    """What the client saw of each kind of fault, with the record of it."""
    with SimulatedLLM(faults=1.0, seed=5, hang_seconds=0.05, retry_after=7) as faulty:
        seen = []
        for number in range(70):
            try:
                seen.append(ask(faulty, DEFINITION, user=str(number)))
            except openai.APIError as error:
                seen.append(error)
        records = faulty.audit(detail=True)["detail"]
    assert len(records) == len(seen)
    return {
        record["kind"]: (result, SimpleNamespace(**record))
        for result, record in zip(seen, records, strict=True)
    }


@pytest.mark.parametrize(
    ("kind", "error"), [("429", openai.RateLimitError), ("500", openai.InternalServerError)]
)
def test_errors_before_processing_are_not_billed(observed, kind, error):
    raised, record = observed[kind]
    assert type(raised) is error
    assert (record.billed, record.tokens_in, record.tokens_out, record.usage_delivered) == (
        False,
        0,
        0,
        False,
    )


def test_a_429_says_when_to_come_back(observed):
    assert observed["429"][0].response.headers["retry-after"] == "7"


@pytest.mark.parametrize("kind", ["timeout", "reset"])
def test_lost_responses_are_billed_although_the_client_cannot_know(observed, kind):
    raised, record = observed[kind]
    assert isinstance(raised, openai.APIConnectionError)
    assert record.billed
    assert record.tokens_in > 0
    assert record.tokens_out > 0
    assert not record.usage_delivered


@pytest.mark.parametrize("kind", ["garbage", "truncated", "hallucinated", "refusal"])
def test_useless_answers_are_billed_as_their_usage_says(observed, kind):
    completion, record = observed[kind]
    assert record.billed
    assert record.usage_delivered
    assert (record.tokens_in, record.tokens_out) == (
        completion.usage.prompt_tokens,
        completion.usage.completion_tokens,
    )


def test_an_answer_without_usage_is_good_and_billed(observed):
    completion, record = observed["no_usage"]
    assert completion.usage is None
    assert pairs(completion)
    assert record.billed
    assert not record.usage_delivered


@pytest.mark.parametrize(("kind", "reason"), [("garbage", "stop"), ("truncated", "length")])
def test_garbage_and_truncated_content_is_no_json(observed, kind, reason):
    (choice,) = observed[kind][0].choices
    assert choice.finish_reason == reason
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice.message.content)


def test_hallucinated_evidence_is_not_in_the_passage(observed):
    assert all(pair["evidence"] not in DEFINITION for pair in pairs(observed["hallucinated"][0]))


def test_a_refusal_has_no_content(observed):
    message = observed["refusal"][0].choices[0].message
    assert message.content is None
    assert message.refusal


def test_a_client_that_gives_up_waiting_is_billed():
    with SimulatedLLM(rate_timeout=1.0) as silent:
        impatient = client(silent, timeout=0.4).chat.completions
        with pytest.raises(openai.APITimeoutError):
            impatient.create(model="any", messages=[{"role": "user", "content": DEFINITION}])
        audit = silent.audit()
    assert audit["kinds"] == {"timeout": 1}
    assert (audit["billed_requests"], audit["billed_without_usage_delivered"]) == (1, 1)


def test_processing_goes_on_and_is_billed_when_the_client_has_left():
    with SimulatedLLM(latency=0.6, latency_sigma=0.0) as slow:
        with pytest.raises(openai.APITimeoutError):
            client(slow, timeout=0.2).chat.completions.create(
                model="any", messages=[{"role": "user", "content": DEFINITION}]
            )
        while not (records := slow.audit(detail=True)["detail"]):
            pass
    assert [(record["kind"], record["billed"], record["usage_delivered"]) for record in records] == [
        ("answered", True, False)
    ]


def test_requests_beyond_the_limit_per_minute_are_told_when_to_come_back():
    with SimulatedLLM(requests_per_minute=3) as limited:
        for _ in range(3):
            ask(limited, DEFINITION)
        with pytest.raises(openai.RateLimitError) as raised:
            ask(limited, DEFINITION)
        assert 1 <= int(raised.value.response.headers["retry-after"]) <= 60
        assert limited.audit()["kinds"] == {"answered": 3, "rate_limited": 1}


def fates(seed, requests=40):
    with SimulatedLLM(faults=0.9, seed=seed, hang_seconds=0.0) as faulty:
        contents = []
        for _ in range(requests):
            try:
                contents.append(ask(faulty, DEFINITION).choices[0].message.content)
            except openai.APIError as error:
                contents.append(type(error).__name__)
        return contents, [record["kind"] for record in faulty.audit(detail=True)["detail"]]


def test_a_seed_decides_the_fate_of_every_request():
    first = fates(seed=1)
    assert first == fates(seed=1)
    assert first != fates(seed=2)


async def test_many_requests_at_once_are_all_answered_and_add_up(llm):
    before = llm.audit()
    passages = [LONG_TEXT[start : start + 1000] for start in range(0, len(LONG_TEXT) - 1000, 60)][:200]
    async with openai.AsyncOpenAI(base_url=llm.base_url, api_key="any", max_retries=0) as many:
        completions = await asyncio.gather(
            *(
                many.chat.completions.create(
                    model="any", messages=[{"role": "user", "content": f"<passage>{passage}</passage>"}]
                )
                for passage in passages
            )
        )
    after = llm.audit()
    assert after["billed_requests"] - before["billed_requests"] == len(passages) == 200
    assert after["tokens"] - before["tokens"] == sum(
        completion.usage.total_tokens for completion in completions
    )


def test_the_books_survive_being_killed_and_numbers_go_on(tmp_path):
    file = tmp_path / "audit.jsonl"
    first = SimulatedLLM(audit_file=file, faults=0.5, seed=9, hang_seconds=0.0).start()
    for _ in range(6):
        try:
            ask(first, DEFINITION)
        except openai.APIError:
            continue
    told = first.audit(detail=True)
    first.kill()
    with SimulatedLLM(audit_file=file) as second:
        assert second.audit(detail=True) == told
        ask(second, DEFINITION)
        assert second.audit(detail=True)["detail"][-1]["request"] == 7
    assert len(file.read_text().splitlines()) == 7
