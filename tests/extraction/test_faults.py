"""What is tried again, what is given up, and what may have been billed."""

from datetime import UTC, datetime

import httpx2
import openai
import pytest

from equal_stream.extraction.faults import classify, retry_after

REQUEST = httpx2.Request("POST", "http://llm.example/v1/chat/completions")


def status(code: int, headers: dict[str, str] | None = None, body: object = None) -> openai.APIStatusError:
    response = httpx2.Response(code, headers=headers, request=REQUEST)
    return openai.APIStatusError(f"status {code}", response=response, body=body)


def caused_by(error: openai.APIConnectionError, cause: Exception) -> openai.APIConnectionError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("code", [408, 409, 429, 500, 502, 503, 520, 529])
def test_what_waiting_can_cure_is_tried_again(code: int) -> None:
    assert classify(status(code), "llm").action == "again"


@pytest.mark.parametrize("code", [504, 524])
def test_a_gateway_that_gave_up_waiting_says_nothing_about_the_bill(code: int) -> None:
    fault = classify(status(code), "llm")
    assert (fault.action, fault.reason) == ("unknown", "timeout")


@pytest.mark.parametrize("code", [400, 413, 422, 501])
def test_a_request_that_is_refused_for_what_it_is_stops(code: int) -> None:
    fault = classify(status(code), "llm")
    assert (fault.action, fault.reason) == ("stop", "rejected-request")


@pytest.mark.parametrize("code", [301, 307, 401, 403, 404, 405])
def test_what_only_an_operator_can_cure_is_called_configuration(code: int) -> None:
    fault = classify(status(code), "llm")
    assert (fault.action, fault.reason) == ("stop", "configuration")
    assert "llm.base_url" in fault.sentence


def test_an_exhausted_account_is_configuration_although_it_is_a_429() -> None:
    fault = classify(status(429, body={"code": "insufficient_quota"}), "llm")
    assert (fault.action, fault.reason) == ("stop", "configuration")


def test_a_connection_that_was_never_made_is_tried_again() -> None:
    refused = caused_by(openai.APIConnectionError(request=REQUEST), httpx2.ConnectError("refused"))
    slow = caused_by(openai.APITimeoutError(request=REQUEST), httpx2.ConnectTimeout("slow"))
    assert [classify(error, "llm").action for error in (refused, slow)] == ["again", "again"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (caused_by(openai.APITimeoutError(request=REQUEST), httpx2.ReadTimeout("slow")), "timeout"),
        (caused_by(openai.APIConnectionError(request=REQUEST), httpx2.ReadError("reset")), "connection-lost"),
        (
            caused_by(openai.APIConnectionError(request=REQUEST), httpx2.WriteError("broke")),
            "connection-lost",
        ),
        (TimeoutError(), "timeout"),
        (RuntimeError("nobody thought of this"), "client-error"),
    ],
)
def test_whatever_happens_after_the_request_left_may_have_been_billed(error: Exception, reason: str) -> None:
    fault = classify(error, "llm")
    assert (fault.action, fault.reason) == ("unknown", reason)


def test_a_key_that_fits_no_header_is_configuration_and_names_no_key() -> None:
    fault = classify(UnicodeEncodeError("ascii", "sk-schlüssel", 6, 7, "no"), "llm")
    assert (fault.action, fault.reason) == ("stop", "configuration")
    assert "schl" not in fault.sentence


NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7),
        ("0.5", 0.5),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0),
        ("-3", 0),
        ("nan", 0),
        ("inf", 0),
        ("99999999", 600),
        ("soon", 0),
        ("", 0),
    ],
)
def test_retry_after_is_read_in_both_forms_and_kept_within_reason(value: str, seconds: float) -> None:
    assert retry_after(value, NOW) == seconds


def test_the_pause_a_server_asks_for_is_passed_on() -> None:
    assert classify(status(429, {"retry-after": "3"}), "llm").pause == 3
    assert classify(status(503, {"retry-after": "4"}), "llm").pause == 4
