"""The loop of a subscriber, on the embedded log: nothing counts as read before it is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from equal_stream.messages import QAPair
from equal_stream.subscribe.selection import PairSelection
from equal_stream.subscribe.subscriber import Subscriber
from equal_stream.transport.base import Transport
from tests.export.pairs import make_pair, open_log, publish


class Collected:
    """An output that keeps what it gets, and can break when flushed."""

    def __init__(self) -> None:
        self.pairs: list[str] = []
        self.withdrawals: list[str] = []
        self.breaks = False

    def pair(self, pair: QAPair) -> None:
        self.pairs.append(pair.qa_id)

    def withdrawn(self, qa_id: str) -> None:
        self.withdrawals.append(qa_id)

    def flush(self) -> None:
        if self.breaks and self.pairs:
            raise BrokenPipeError

    def gone(self) -> bool:
        return False


class Polls:
    """Says stop after so many questions."""

    def __init__(self, times: int) -> None:
        self.left = times

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.fixture
def transport(tmp_path: Path) -> Iterator[Transport]:
    opened = open_log(tmp_path)
    yield opened
    opened.close()


def read(transport: Transport, polls: int = 2, **options) -> Collected:
    output = Collected()
    selection = options.pop("selection", PairSelection())
    Subscriber(transport, output, selection, **options).run(Polls(polls))
    return output


def ids(*numbers: int) -> list[str]:
    return [f"id-{number:04d}" for number in numbers]


def test_pairs_and_withdrawals_are_handed_on_from_the_beginning(transport: Transport) -> None:
    publish(transport, make_pair(1), make_pair(2), "id-0001")
    output = read(transport)
    assert sorted(output.pairs) == ids(1, 2)
    assert output.withdrawals == ids(1)
    assert sorted(read(transport).pairs) == ids(1, 2), "without a group nothing is remembered"


def test_only_wanted_pairs_are_handed_on_but_every_withdrawal(transport: Transport) -> None:
    publish(transport, make_pair(1), make_pair(9), make_pair(8, target="stars"), "id-0008")
    output = read(transport, selection=PairSelection(("tides",), 0.5))
    assert output.pairs == ids(9)
    assert output.withdrawals == ids(8)


def test_a_group_goes_on_where_it_stopped(transport: Transport) -> None:
    publish(transport, *(make_pair(n) for n in range(10)))
    first = read(transport, 50, group="g", limit=4)
    assert len(first.pairs) == 4
    second = read(transport, 4, group="g")
    assert sorted(first.pairs + second.pairs) == ids(*range(10))
    assert read(transport, 2, group="g").pairs == []
    assert len(read(transport, 3, group="another").pairs) == 10


def test_what_could_not_be_written_is_read_again(transport: Transport) -> None:
    publish(transport, make_pair(1), make_pair(2))
    output = Collected()
    output.breaks = True
    with pytest.raises(BrokenPipeError):
        Subscriber(transport, output, PairSelection(), group="g").run(Polls(5))
    assert sorted(read(transport, 3, group="g").pairs) == ids(1, 2)


def test_from_the_end_only_what_is_new_is_handed_on(transport: Transport) -> None:
    publish(transport, *(make_pair(n) for n in range(5)))
    output = Collected()

    class PublishThenStop(Polls):
        def is_set(self) -> bool:
            if self.left == 3:
                publish(transport, make_pair(7))
            return super().is_set()

    Subscriber(transport, output, PairSelection(), from_end=True).run(PublishThenStop(4))
    assert output.pairs == ids(7)


def test_a_new_group_can_begin_at_the_end_and_misses_nothing_from_then_on(transport: Transport) -> None:
    publish(transport, *(make_pair(n) for n in range(5)))
    assert read(transport, 2, group="g", from_end=True).pairs == []
    publish(transport, *(make_pair(n) for n in range(5, 10)))
    assert sorted(read(transport, 4, group="g", from_end=True).pairs) == ids(*range(5, 10))


def test_values_that_are_no_pairs_are_told_and_passed_over(transport: Transport) -> None:
    publish(transport, b"{", make_pair(1))
    told: list[str] = []
    assert read(transport, warn=told.append).pairs == ids(1)
    assert len(told) == 1
    assert told[0].startswith("qa.pairs, partition ")
    assert "not JSON" in told[0]


def test_two_members_of_a_group_share_the_pairs(transport: Transport, tmp_path: Path) -> None:
    publish(transport, *(make_pair(n) for n in range(20)))
    first = read(transport, 50, group="g", limit=5)
    other = open_log(tmp_path)
    second = read(other, 4, group="g")
    other.close()
    assert sorted(first.pairs + second.pairs) == ids(*range(20))
