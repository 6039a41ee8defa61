"""The pairs in force, whatever order they came, changed and went in."""

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from equal_stream.export.fold import PairFold
from equal_stream.messages import QAPair
from equal_stream.topics import PAIRS
from equal_stream.transport.base import Record
from equal_stream.transport.codec import encode
from tests.export.pairs import make_pair


def records(changes: list[tuple[int, str | None]]) -> Iterator[Record]:
    for offset, (number, answer) in enumerate(changes):
        pair = make_pair(number, answer=answer or "x")
        outgoing = encode(pair, topic=PAIRS.name, key=pair.qa_id, source="test")
        value = None if answer is None else outgoing.value
        yield Record(PAIRS.name, 0, offset, outgoing.key, value, (), 0)


def fold(*batches: list[tuple[int, str | None]]) -> list[QAPair]:
    with PairFold() as folded:
        for batch in batches:
            folded.add(records(batch))
        return list(folded.pairs())


@given(st.lists(st.tuples(st.integers(0, 5), st.none() | st.sampled_from(["a", "b"]))))
def test_the_last_value_of_each_id_counts_and_the_order_is_that_of_the_ids(
    changes: list[tuple[int, str | None]],
) -> None:
    last = dict(changes)
    expected = [make_pair(n, answer=answer) for n, answer in sorted(last.items()) if answer is not None]
    assert fold(changes) == expected
    assert fold(changes[:3], changes[3:]) == expected


def test_values_that_are_no_pairs_are_counted_and_leave_the_last_good_one() -> None:
    with PairFold() as folded:
        folded.add(records([(1, "good")]))
        folded.add([Record(PAIRS.name, 0, 1, b"id-0001", b"{", (), 0)])
        assert folded.invalid == 1
        assert [pair.answer for pair in folded.pairs()] == ["good"]


def test_pairs_are_chosen_by_target_and_gain() -> None:
    pairs = [make_pair(1, gain=0.1), make_pair(2, gain=0.5), make_pair(3, target="stars", gain=0.9)]
    with PairFold() as folded:
        folded.add(
            Record(PAIRS.name, 0, n, pair.qa_id.encode(), encode_value(pair), (), 0)
            for n, pair in enumerate(pairs)
        )
        assert folded.targets() == {"stars": 1, "tides": 2}
        assert list(folded.pairs(["tides"], 0.5)) == [pairs[1]]
        assert list(folded.pairs(min_gain=0.5)) == pairs[1:]
        assert list(folded.pairs(["stars", "tides"])) == pairs


def encode_value(pair: QAPair) -> bytes | None:
    return encode(pair, topic=PAIRS.name, key=pair.qa_id, source="test").value
