"""An LLM that takes no calls is asked once after each pause, and as often as wanted once it answers."""

from equal_stream.allocator.circuit import FIRST_PAUSE, IN_DOUBT, LATEST, LEAST, LONGEST_PAUSE, Circuit
from equal_stream.extraction.base import ExtractionResult


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ended(status: str, reason: str = "", error: str = "") -> ExtractionResult:
    return ExtractionResult(ticket_id="t", request_id="r", status=status, reason=reason, error=error)


def test_a_closed_circuit_lets_everything_through() -> None:
    circuit = Circuit(Clock())
    circuit.note(ended("answered"))
    assert circuit.limit(8, 3) == 8


def test_a_call_that_was_not_taken_opens_it_and_one_try_follows_the_pause() -> None:
    clock = Clock()
    circuit = Circuit(clock)
    circuit.note(ended("unsent", "configuration", "the LLM refused the key: set llm.api_key"))
    assert circuit.reason == "the LLM refused the key: set llm.api_key"
    assert circuit.limit(8, 0) == 0
    clock.now += FIRST_PAUSE
    assert circuit.limit(8, 0) == 1
    assert circuit.limit(8, 1) == 0


def test_calls_that_fail_together_count_once_and_later_tries_wait_longer() -> None:
    clock = Clock()
    circuit = Circuit(clock)
    for _ in range(8):
        circuit.note(ended("unsent"))
    waits = []
    for _ in range(12):
        began = clock.now
        while not circuit.limit(1, 0):
            clock.now += 0.5
        waits.append(clock.now - began)
        circuit.note(ended("unsent"))
    assert waits[0] == FIRST_PAUSE
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_PAUSE


def test_an_answer_closes_it() -> None:
    clock = Clock()
    circuit = Circuit(clock)
    circuit.note(ended("unsent"))
    circuit.note(ended("failed"))
    assert circuit.reason == ""
    assert circuit.limit(8, 0) == 8


def test_a_passage_that_is_too_long_for_its_ticket_says_nothing_about_the_llm() -> None:
    circuit = Circuit(Clock())
    circuit.note(ended("unsent", "over-reservation"))
    assert circuit.limit(8, 0) == 8


def test_a_request_that_is_refused_after_answers_is_about_its_passage_and_before_any_about_the_llm() -> None:
    circuit = Circuit(Clock())
    circuit.note(ended("answered"))
    circuit.note(ended("unsent", "rejected-request"))
    assert circuit.limit(8, 0) == 8
    untried = Circuit(Clock())
    untried.note(ended("unsent", "rejected-request"))
    assert untried.limit(8, 0) == 0


def test_answers_of_no_use_open_it_once_they_are_more_than_half_and_a_good_one_closes_it() -> None:
    clock = Clock()
    circuit = Circuit(clock)
    for _ in range(LEAST - 1):
        circuit.note(ended("failed", "refused", "the model refused"))
    assert circuit.limit(8, 0) == 8
    circuit.note(ended("failed", "refused", "the model refused"))
    assert "the model refused" in circuit.reason
    assert circuit.limit(8, 0) == 0
    clock.now += FIRST_PAUSE
    assert circuit.limit(8, 0) == 1
    circuit.note(ended("failed", "refused", "the model refused"))
    clock.now += FIRST_PAUSE
    assert circuit.limit(8, 0) == 0
    clock.now += FIRST_PAUSE
    circuit.note(ended("answered"))
    assert (circuit.reason, circuit.limit(8, 0)) == ("", 8)
    for _ in range(LEAST - 2):
        circuit.note(ended("failed"))
    assert circuit.limit(8, 0) == 8


def test_refusals_that_are_less_than_half_stop_nothing() -> None:
    circuit = Circuit(Clock())
    for _ in range(3 * LATEST):
        circuit.note(ended("failed", "refused"))
        circuit.note(ended("answered"))
        assert circuit.limit(8, 0) == 8


def test_timeouts_never_open_it_but_while_nothing_else_comes_back_calls_go_out_one_at_a_time() -> None:
    circuit = Circuit(Clock())
    for _ in range(IN_DOUBT - 1):
        circuit.note(ended("unknown", "timeout"))
        assert circuit.limit(8, 4) == 8
    for _ in range(200):
        circuit.note(ended("unknown", "timeout"))
        assert circuit.reason == ""
        assert circuit.limit(8, 1) == 0
        assert circuit.limit(8, 0) == 1
    circuit.note(ended("answered"))
    assert circuit.limit(8, 7) == 8
