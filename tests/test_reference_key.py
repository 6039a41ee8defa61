import pytest
from hypothesis import given
from hypothesis import strategies as st

from equal_stream.reference_key import ReferenceKey


@given(st.text(min_size=1).filter(lambda name: "/" not in name), st.text(min_size=1))
def test_a_key_comes_back_as_it_was_written(target: str, ref_id: str) -> None:
    key = ReferenceKey(target, ref_id)
    try:
        written = str(key).encode()
    except UnicodeEncodeError:  # lone surrogates are no text
        return
    assert ReferenceKey.read(written) == key


@pytest.mark.parametrize("key", [None, b"", b"target", b"/id", b"target/", b"/"])
def test_what_names_no_reference_is_no_key(key: bytes | None) -> None:
    assert ReferenceKey.read(key) is None
