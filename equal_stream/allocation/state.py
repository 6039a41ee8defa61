"""A saved state as bytes: MessagePack, with arrays as their raw bytes. Nothing in it can run.

Arrays travel as an extension (dtype, shape, data), so a state of many megabytes is written and read at
the speed of memory, and comes back exactly.
"""

from typing import Any

import msgspec
import numpy as np

from equal_stream.allocation.exceptions import StateMismatch

VERSION = 6
_ARRAY = 1


def dump(state: dict[str, Any]) -> bytes:
    """Return nested dicts, lists, numbers, strings, bytes and numpy arrays as bytes."""
    return msgspec.msgpack.encode({"version": VERSION, "state": state}, enc_hook=_encode)


def load(data: bytes) -> dict[str, Any]:
    """Return what `dump` was given; arrays are writable copies. Of a whole state: see `migrations`.

    Raises
    ------
    StateMismatch
        Another version wrote it, or it is no saved state.
    """
    version, state = read(data)
    if version != VERSION:
        raise StateMismatch(
            f"The saved allocation state has version {version}, this release reads {VERSION}."
        )
    return state


def read(data: bytes) -> tuple[int, dict[str, Any]]:
    """Return the version that a state was saved by, and the state as it was then.

    Raises
    ------
    StateMismatch
        It is no saved state.
    """
    try:
        held: Any = msgspec.msgpack.decode(data, ext_hook=_decode)
        return int(held["version"]), dict(held["state"])
    except (msgspec.DecodeError, ValueError, TypeError, KeyError) as error:
        raise StateMismatch(
            f"The saved allocation state cannot be read ({error}): move the allocator's snapshots away, and "
            "the log is replayed from its beginning."
        ) from error


def dump_rng(rng: np.random.Generator) -> dict[str, Any]:
    """Return a generator's state with its 128-bit numbers as text."""
    state = rng.bit_generator.state
    return {**state, "state": {name: str(number) for name, number in state["state"].items()}}


def load_rng(state: dict[str, Any]) -> np.random.Generator:
    """Return the generator that `dump_rng` was given."""
    rng = np.random.default_rng()
    numbers = {name: int(number) for name, number in state["state"].items()}
    rng.bit_generator.state = {**state, "state": numbers}
    return rng


def _encode(value: Any) -> msgspec.msgpack.Ext:
    if not isinstance(value, np.ndarray):
        raise NotImplementedError(f"{type(value)} has no place in a saved state")
    header = msgspec.msgpack.encode([value.dtype.str, list(value.shape)])
    size = len(header).to_bytes(4, "little")
    return msgspec.msgpack.Ext(_ARRAY, size + header + np.ascontiguousarray(value).tobytes())


def _decode(code: int, data: memoryview) -> np.ndarray[Any, Any]:
    if code != _ARRAY:
        raise ValueError(f"unknown extension {code}")
    size = int.from_bytes(data[:4], "little")
    dtype, shape = msgspec.msgpack.decode(bytes(data[4 : 4 + size]))
    return np.frombuffer(data[4 + size :], dtype=dtype).reshape(shape).copy()
