"""Bodies under status 200, in every shape."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.extraction.completion import (
    MAX_CONTENT_CHARACTERS,
    OVERSIZED,
    Completion,
    Usage,
    read_completion,
)


def body(message: object = None, finish: object = "stop", usage: object = None) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}], "usage": usage}).encode()


def test_content_finish_reason_and_usage_are_read() -> None:
    read = read_completion(body({"content": "hi"}, usage={"prompt_tokens": 3, "completion_tokens": 2}))
    assert read == Completion(content="hi", finish_reason="stop", usage=Usage(3, 2))


def test_tokens_counted_only_in_the_total_are_output() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 25}
    assert read_completion(body({"content": "hi"}, usage=usage)).usage == Usage(3, 22)


@pytest.mark.parametrize(
    "usage",
    [None, {}, [], "7", {"prompt_tokens": 3}, {"prompt_tokens": -1, "completion_tokens": 2},
     {"prompt_tokens": True, "completion_tokens": 2}, {"prompt_tokens": "3", "completion_tokens": 2},
     {"prompt_tokens": 3.5, "completion_tokens": 2}],
)  # fmt: skip
def test_a_usage_that_is_not_two_counts_is_unknown(usage: object) -> None:
    assert read_completion(body({"content": "hi"}, usage=usage)).usage is None


def test_a_refusal_is_told_apart_from_an_answer() -> None:
    read = read_completion(body({"content": None, "refusal": "I would rather not."}))
    assert (read.content, read.finish_reason) == ("I would rather not.", "refusal")


def test_a_body_that_is_no_json_is_garbled_but_kept() -> None:
    read = read_completion(b"<html>gateway</html>\xff")
    assert read.finish_reason == "garbled"
    assert read.content.startswith("<html>")


def test_content_beyond_any_limit_is_cut_and_marked() -> None:
    read = read_completion(body({"content": "x" * (MAX_CONTENT_CHARACTERS + 1)}))
    assert (len(read.content), read.finish_reason) == (MAX_CONTENT_CHARACTERS, OVERSIZED)


@given(st.binary() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["choices", "message", "content", "usage", "prompt_tokens"]), inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_nothing_raises(data: bytes) -> None:
    read_completion(data)


def test_a_usage_that_no_call_can_have_is_unknown() -> None:
    body = b'{"choices":[],"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":3}}'
    assert read_completion(body).usage is None
