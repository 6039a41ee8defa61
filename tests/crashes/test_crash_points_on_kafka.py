"""The steps at which a broker has its say, on a real one; `make chaos` walks all of them there."""

from collections.abc import Iterator

import pytest

from deploy.kafka.local_broker import LocalBroker
from equal_stream.steps import Step
from tests.crashes.life import Ending
from tests.crashes.walk import AT_ONCE, Walker, steps_missing, walks

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

WHERE_BROKERS_MATTER = {
    "embedder": {Step.TRANSACTION_WRITTEN, Step.TRANSACTION_POSITIONED},
    "clusterer": {Step.CLUSTERS_SAVED, Step.TRANSACTION_POSITIONED, Step.TRANSACTION_COMMITTED},
    "allocator": {Step.TRANSACTION_WRITTEN, Step.TRANSACTION_POSITIONED, Step.TRANSACTION_COMMITTED},
    "recovery": {Step.TRANSACTION_POSITIONED, Step.TRANSACTION_COMMITTED},
    "extractor": {Step.BULK_WRITTEN, Step.BULK_DURABLE},
}


@pytest.fixture(scope="module")
def walker(kafka_broker: LocalBroker) -> Iterator[Walker]:
    with Walker(kafka_broker.bootstrap, AT_ONCE) as made:
        yield made


@pytest.fixture(scope="module")
def endings(walker: Walker) -> tuple[Ending, Ending]:
    return walker.references()


def test_every_step_is_passed_on_kafka_too(endings: tuple[Ending, Ending]) -> None:
    assert steps_missing(*endings) == set()


def test_a_crash_amid_what_the_broker_decides_breaks_no_promise(
    walker: Walker, endings: tuple[Ending, Ending]
) -> None:
    chosen = [each for each in walks(*endings) if each.point.step in WHERE_BROKERS_MATTER[each.point.role]]
    verdicts = list(walker.walk_all(chosen))
    assert {(each.point.role, each.point.step) for each in verdicts} == {
        (role, step) for role, steps in WHERE_BROKERS_MATTER.items() for step in steps
    }
    assert {str(each.point): each.problems for each in verdicts if each.problems} == {}
