"""Logs: one JSON object a line, with role and trace, and never a secret."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.observability.logging import configure_logging, trace
from equal_stream.observability.secrets import MASK, Masking, secret_values
from equal_stream.settings import KafkaSettings, LLMSettings, ObservabilitySettings, Settings

SECRET = 'sk-"quoted"\\and-long'
SETTINGS = Settings(llm=LLMSettings(api_key=SECRET), kafka=KafkaSettings(sasl_plain_password="hunter2"))
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    logging.basicConfig(handlers=handlers, level=level, force=True)
    logging.captureWarnings(capture=False)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_says_when_who_how_bad_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS, "embedder")
    logging.getLogger("a.b").warning("batch of %d", 7, extra={"batch": 7})
    (line,) = lines(capsys.readouterr().err)
    assert line["role"] == "embedder"
    assert line["level"] == "WARNING"
    assert line["logger"] == "a.b"
    assert line["message"] == "batch of 7"
    assert line["batch"] == 7
    assert line["at"].endswith("+00:00")


def test_within_a_trace_lines_carry_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS, "embedder")
    with trace(TRACEPARENT):
        logging.getLogger("x").warning("inside")
    logging.getLogger("x").warning("outside")
    inside, outside = lines(capsys.readouterr().err)
    assert inside["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "trace" not in outside


def test_secrets_are_masked_in_messages_fields_and_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS, "allocator")
    try:
        raise ValueError(f"refused {SECRET}")
    except ValueError:
        logging.getLogger("x").exception("key %s", SECRET, extra={"where": {"password": ["hunter2"]}})
    written = capsys.readouterr().err
    assert "hunter2" not in written
    (line,) = lines(written)
    assert line["message"] == f"key {MASK}"
    assert SECRET not in json.dumps(line, ensure_ascii=False)
    assert f"refused {MASK}" in line["exception"]
    assert line["where"] == {"password": [MASK]}


def test_the_console_form_masks_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    console = SETTINGS.model_copy(update={"observability": ObservabilitySettings(log_format="console")})
    configure_logging(console, "allocator")
    logging.getLogger("x").warning("hunter2 and [brackets]")
    written = capsys.readouterr().err
    assert "hunter2" not in written
    assert "[brackets]" in written


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS, "embedder")
    logging.getLogger("x").debug("detail")
    logging.getLogger("httpx").info("HTTP Request: POST")
    assert capsys.readouterr().err == ""


def test_configuring_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS, "a")
    configure_logging(SETTINGS, "b")
    logging.getLogger("x").warning("once")
    assert [line["role"] for line in lines(capsys.readouterr().err)] == ["b"]


def test_every_secret_of_the_settings_is_known() -> None:
    assert set(secret_values(SETTINGS)) == {SECRET, "hunter2"}


@given(st.text(min_size=1), st.text(), st.text())
def test_a_secret_is_found_wherever_it_stands(secret: str, before: str, after: str) -> None:
    masked = Masking([secret]).text(before + secret + after)
    assert secret in MASK or secret not in masked.replace(MASK, "\0") or secret == "\0"


def test_a_secret_that_begins_another_does_not_leave_the_rest_behind() -> None:
    assert Masking(["abc", "abcdef"]).text("abcdef abc") == f"{MASK} {MASK}"


def test_passwords_within_addresses_are_masked() -> None:
    assert Masking().text("at http://u:p@h:1/x") == f"at http://u:{MASK}@h:1/x"
