from equal_stream.allocation.lineage import Lineage


def test_an_id_stands_for_itself_until_it_ends():
    lineage = Lineage()
    assert lineage.resolve(4) == 4
    lineage.end(4, 7)
    assert lineage.resolve(4) == 7


def test_heirs_of_heirs_are_followed():
    lineage = Lineage()
    lineage.end(1, 2)
    lineage.end(2, 3)
    lineage.end(3, 4)
    assert [lineage.resolve(n) for n in (1, 2, 3, 4)] == [4, 4, 4, 4]


def test_a_circle_is_refused_and_a_repetition_ignored():
    lineage = Lineage()
    assert lineage.end(1, 2)
    assert not lineage.end(2, 1)
    assert not lineage.end(1, 2)
    assert lineage.resolve(1) == lineage.resolve(2) == 2


def test_state_continues_exactly():
    lineage, copy = Lineage(), Lineage()
    lineage.end(1, 2)
    copy.load_state(lineage.to_state())
    assert copy.resolve(1) == 2
