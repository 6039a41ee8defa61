import numpy as np
import pytest

from equal_stream.allocation import state as saved
from equal_stream.allocation.exceptions import StateMismatch


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int64, bool])
def test_arrays_come_back_exactly_and_writable(dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    back = saved.load(saved.dump({"a": array, "empty": array[:0]}))
    assert np.array_equal(back["a"], array)
    assert back["a"].dtype == array.dtype
    assert back["empty"].shape == (0, 4)
    back["a"][0, 0] = 1


def test_a_generator_continues_where_it_was():
    rng = np.random.default_rng(3)
    rng.random(10)
    copy = saved.load_rng(saved.load(saved.dump({"rng": saved.dump_rng(rng)}))["rng"])
    assert np.array_equal(copy.random(5), rng.random(5))


@pytest.mark.parametrize("data", [b"", b"nonsense", b"\x00", b"\x80", b"\xc7\x03\x07abc"])
def test_what_is_no_state_is_refused(data):
    with pytest.raises(StateMismatch, match="cannot be read"):
        saved.load(data)


def test_the_state_of_another_version_is_refused(monkeypatch):
    data, version = saved.dump({}), saved.VERSION
    monkeypatch.setattr(saved, "VERSION", 99)
    with pytest.raises(StateMismatch, match=f"has version {version}, this release reads 99"):
        saved.load(data)
