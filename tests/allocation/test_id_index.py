from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.allocation.documents import Documents
from equal_stream.allocation.id_index import IdIndex, packed, unpacked
from equal_stream.allocation.passage_rows import PassageRows

CROWDED = [number.to_bytes(16, "big") for number in range(40)]  # ids that differ in their last byte only


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(CROWDED)), max_size=200))
def test_an_index_finds_what_a_dict_would(steps):
    index, known, free = IdIndex(), {}, list(range(40))
    for add, identity in steps:
        if add and identity not in known:
            known[identity] = free.pop()
            index.add(identity, known[identity])
        elif not add and identity in known:
            free.append(known[identity])
            index.remove(known.pop(identity))
        assert all(index.find(each) == known.get(each) for each in CROWDED)
    assert sorted(index) == sorted(known.values())
    assert len(index) == len(known)


def test_an_index_of_many_ids_survives_growing_and_saving():
    rng = np.random.default_rng(0)
    ids = [rng.bytes(16) for _ in range(20_000)]
    index = IdIndex()
    for row, identity in enumerate(ids):
        index.add(identity, row)
    for row in range(0, 20_000, 3):
        index.remove(row)
    copy = IdIndex()
    copy.load_state(index.to_state(), np.array(list(index), np.int32))
    for each in (index, copy):
        assert [each.find(identity) for identity in ids[:3000]] == [
            None if row % 3 == 0 else row for row in range(3000)
        ]
    assert copy.at(1) == ids[1]


def test_only_uuids_in_their_usual_form_have_a_row():
    rows = PassageRows()
    usual = str(UUID(int=0xABCDEF))
    rows.add(usual, 3)
    assert (rows.get(usual), rows[usual], usual in rows) == (3, 3, True)
    for other in (usual.upper(), usual.replace("-", ""), "nonsense", ""):
        assert rows.get(other) is None
        assert rows.get(other, -1) == -1
        with pytest.raises(ValueError, match="no UUID"):
            rows.add(other, 4)
    with pytest.raises(KeyError):
        rows["nonsense"]


@given(st.uuids())
def test_a_uuid_comes_back_as_it_was(uuid):
    assert unpacked(packed(str(uuid))) == str(uuid)


documents = st.tuples(
    st.sampled_from([str(UUID(int=number)) for number in range(4)]) | st.text("ab", max_size=3),
    st.text(max_size=60),
)


@given(st.lists(st.tuples(st.booleans(), documents), max_size=60))
def test_documents_are_kept_once_and_only_while_they_are_used(steps):
    kept, used = Documents(), []
    for use, document in steps:
        if use:
            used.append((document, kept.use(*document)))
        elif used:
            kept.release(used.pop(0)[1])
        assert all(kept.read(number) == document for document, number in used)
        assert len(kept) == len({document for document, _ in used})
    copy = Documents()
    copy.load_state(kept.to_state())
    for each in (kept, copy):
        assert all(each.use(*document) == number for document, number in used)


def test_the_place_of_a_document_that_is_gone_is_used_again():
    kept = Documents()
    for number in range(1000):
        kept.release(kept.use(str(UUID(int=number)), f"https://example.org/{number % 90 + 10}"))
    assert len(kept.to_state()["memory"]) < 200
