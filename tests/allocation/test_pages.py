import numpy as np
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from equal_stream.allocation.candidates import Candidates
from equal_stream.allocation.lengths import Lengths
from equal_stream.allocation.pages import SIZE, Pages

from .test_candidates import name

CLUSTERS = 3
VECTOR = np.array([1.0, 0.0], np.float32)


def bounds_hold(table, burdens):
    """No passage on offer is worth more than its page promises, whatever the burdens are now."""
    ceilings = table.pages.ceilings(burdens)
    rows = np.flatnonzero(table.waiting & ~table.listed)
    worth = table.gain[rows] / (table.tokens[rows] + burdens[table.clusters[rows]])
    pages = table.pages.places[rows] // SIZE
    assert (worth <= ceilings[pages] * 1.00001).all()
    tops = table.pages.highest(ceilings, CLUSTERS)
    for cluster in range(CLUSTERS):
        mine = ceilings[table.pages.clusters == cluster]
        assert tops[cluster] == mine.max(initial=-1)


def pages_agree(table):
    """Every passage is on one page of its cluster, and of a cluster's pages only one has room."""
    pages = table.pages
    held = pages.rows(np.arange(len(pages)))
    assert sorted(held.tolist()) == np.flatnonzero(table.taken).tolist()
    assert (pages.clusters[pages.places[held] // SIZE] == table.clusters[held]).all()
    assert (pages.slots.ravel()[pages.places[held]] == held).all()
    for cluster in range(CLUSTERS):
        counts = pages.counts[pages.clusters == cluster]
        assert (counts > 0).all()
        assert (counts < SIZE).sum() <= 1
        assert (
            sorted(pages.rows_of(cluster))
            == np.flatnonzero(table.taken & (table.clusters == cluster)).tolist()
        )


@given(st.integers(0, 10_000))
@hypothesis_settings(max_examples=40, deadline=None)
def test_pages_and_their_bounds_hold_through_any_history(seed):
    rng = np.random.default_rng(seed)
    table, known = Candidates(2, 10_000), 0
    for _ in range(30):
        burdens = rng.uniform(1, 200, CLUSTERS).astype(np.float32)
        rows = np.flatnonzero(table.taken)
        some = rng.permutation(rows)[: rng.integers(1, 90)]
        match int(rng.integers(7)):
            case 0 | 1:
                for _ in range(int(rng.integers(1, 200))):
                    known += 1
                    cluster = int(rng.integers(CLUSTERS))
                    tokens = int(rng.integers(1, 300))
                    table.add(name(known), "d", "u", VECTOR, tokens=tokens, text_bytes=9, cluster=cluster)
            case 2:
                for row in some:
                    table.remove(int(row))
            case 3:
                table.evaluated(some, rng.random(len(some), np.float32), burdens)
            case 4:
                for row in some:
                    (table.take if table.waiting[row] else table.put_back)(int(row))
            case 5:
                for row in some:
                    table.reassign(int(row), int(rng.integers(CLUSTERS)))
            case 6:
                table.move(int(rng.integers(CLUSTERS)), int(rng.integers(CLUSTERS)))
        pages_agree(table)
        bounds_hold(table, rng.uniform(1, 200, CLUSTERS).astype(np.float32))
        assert table.lengths.total == table.waiting.sum()


def test_a_page_that_is_empty_is_used_for_another_cluster():
    pages = Pages()
    for row in range(SIZE + 1):
        pages.insert(row, 1)
    for row in range(SIZE + 1):
        pages.remove(row)
    have = len(pages)
    for row in range(have * SIZE):
        pages.insert(row, row % have)
    assert len(pages) == have


@given(st.lists(st.integers(0, 20_000), max_size=50), st.integers(-5, 25_000) | st.just(np.inf))
def test_lengths_count_exactly(sizes, largest):
    lengths = Lengths()
    for size in [*sizes, 7, 9000]:
        lengths.add(size)
    lengths.remove(7)
    lengths.remove(9000)
    copy = Lengths()
    copy.recount(np.array(sizes, np.int32))
    assert lengths.within(largest) == copy.within(largest) == sum(size <= largest for size in sizes)
