from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from equal_stream import ids


@given(st.uuids(), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_name_under_a_uuid_is_what_the_standard_library_makes_of_it(namespace: UUID, name: str) -> None:
    assert ids.named(str(namespace), name) == str(uuid5(namespace, name))
