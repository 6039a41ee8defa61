"""What the allocator counts, and that its counting stays small."""

from equal_stream.allocation.base import Settlement
from equal_stream.allocator.tally import DIFFERENT_ERRORS, OTHER_ERRORS, Tally
from equal_stream.messages import ExtractionOutcome, LedgerEntry, now


def failed(number: int) -> Settlement:
    ticket = str(number)
    entry = LedgerEntry(entry="expire", ticket_id=ticket, tokens=0, usd=0.0, at=now())
    outcome = ExtractionOutcome(
        ticket_id=ticket,
        passage_id="p",
        cluster_id=1,
        status="failed",
        tokens_in=0,
        tokens_out=0,
        cost_usd=0.0,
        pairs=0,
        rejected={},
        predicted_gain=0.0,
        gain=0.0,
        propensity=1.0,
        at=now(),
        error=f"the LLM answered 500: request {number} failed",
    )
    return Settlement(entry=entry, outcome=outcome, pairs=[])


def test_errors_that_are_all_different_are_counted_together_after_the_first_few() -> None:
    tally = Tally()
    tally.count([failed(number) for number in range(1000)], 0, [])
    assert len(tally.errors) == DIFFERENT_ERRORS + 1
    assert sum(tally.errors.values()) == 1000
    assert tally.errors[OTHER_ERRORS] == 1000 - DIFFERENT_ERRORS
