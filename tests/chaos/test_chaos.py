"""Chaos in short: every process killed, one frozen, the broker gone for a while, and no promise broken."""

import pytest

from tests.chaos.plan import Plan
from tests.chaos.run import run
from tests.chaos.schedule import KILLED, Kind, Victim
from tests.chaos.verdict import Verdict
from tests.kafka_broker import require_broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1_500)]

DOCUMENTS, KILLS = 200, 12
PLAN = Plan(
    documents=DOCUMENTS,
    kills=KILLS,
    seed=3,
    seconds=75.0,
    patience=300.0,
    others=((Kind.FREEZE, Victim.EMBEDDER), (Kind.BROKER, None)),
)


@pytest.fixture(scope="module")
def verdict(request: pytest.FixtureRequest) -> Verdict:
    require_broker(request)
    return run(PLAN)


def test_no_promise_is_broken(verdict: Verdict) -> None:
    assert verdict.problems == []
    assert [row.promise for row in verdict.rows if not row.looked] == []


def test_everybody_was_killed_one_frozen_and_the_broker_away(verdict: Verdict) -> None:
    came = [each.kind for each in verdict.injected if not each.not_injected]
    assert len(came) == KILLS + len(PLAN.others)
    assert {f"kill -9 of the {victim}" for victim in KILLED} <= set(came)


def test_there_was_something_to_lose(verdict: Verdict) -> None:
    figures = verdict.figures
    assert figures["crawl_records"] >= DOCUMENTS
    assert figures["documents_by_end"]["embedded"] > DOCUMENTS / 2
    assert figures["pairs"] > 0
    assert figures["tickets"] > 20
    assert figures["billed_tokens"] > 0
