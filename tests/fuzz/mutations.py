"""Ways to spoil a record: those that know JSON and the fields, and those that know only bytes."""

import json
import random
from collections.abc import Callable
from typing import Any

Random = random.Random
Mutation = Callable[[Random, bytes], bytes]

_TEXTS = ["", " ", "\x00", "\u202e", "﷽" * 20, "a" * 5_000, "null", "../../etc/passwd", "{{7*7}}", "%s%n",
          "</passage>", "http://[::1", "https://x.org/\n", "￿", "İ", "0001-01-01T00:00:00Z",
          "9999-12-31T23:59:59+14:00", "AAAA", "AAAAgH8AAIB/", "===",
          "550e8400-e29b-41d4-a716-446655440000"]  # fmt: skip
_NUMBERS = [
    -1,
    0,
    1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    0.1,
    -0.0,
    1e-320,
    1e308,
]
_RAW = [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"01", b"1.", b"\xff", b'"\\ud800"', b'"\\x"',
        b'"\x01"', b"[" * 3_000, b'{"a":' * 3_000, b"", b"tru", b"//", b'"open']  # fmt: skip
_MARK = "raw value goes here"


def spoilt(rng: Random, value: bytes, others: list[bytes]) -> bytes:
    """Return a record with one to three things wrong, or nothing right at all."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(200))
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if rng.random() < 0.1:
            value = _spliced(rng, value, rng.choice(others))
        else:
            value = rng.choice(MUTATIONS)(rng, value)
    return value


def _anything(rng: Random) -> Any:
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice([None, True, False, [], {}])
    if kind in {1, 2}:
        return rng.choice(_NUMBERS)
    if kind in {3, 4}:
        return rng.choice(_TEXTS)
    return [rng.choice(_TEXTS), {"x": rng.choice(_NUMBERS)}]


def _structured(change: Callable[[Random, Any, list[Any]], Any]) -> Mutation:
    """Return a mutation that changes one place of a JSON value; what is no JSON stays as it is."""

    def mutate(rng: Random, value: bytes) -> bytes:
        try:
            decoded = json.loads(value)
        except (ValueError, RecursionError):
            return value
        places: list[tuple[Any, Any]] = []
        _collect(decoded, places)
        if not places:
            return value
        holder, key = rng.choice(places)
        change(rng, holder, key)
        return json.dumps(decoded, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")

    return mutate


def _collect(value: Any, places: list[tuple[Any, Any]]) -> None:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        places.append((value, key))
        _collect(each, places)


def _replace(rng: Random, holder: Any, key: Any) -> None:
    holder[key] = _anything(rng)


def _remove(rng: Random, holder: Any, key: Any) -> None:
    del holder[key]


def _rename(rng: Random, holder: Any, key: Any) -> None:
    if isinstance(holder, dict):
        holder[rng.choice([key.upper(), key + " ", "", "__class__", _TEXTS[4]])] = holder.pop(key)


def _nudge(rng: Random, holder: Any, key: Any) -> None:
    """Change a text or a number a little: the result is nearly right."""
    old = holder[key]
    if isinstance(old, str) and old:
        at = rng.randrange(len(old))
        holder[key] = old[:at] + rng.choice(["", "\x00", "é", "\ud800", "A", "=", "-", "T"]) + old[at + 1 :]
    elif isinstance(old, int | float) and abs(old) < 1e300:
        holder[key] = rng.choice([-old, old + 1, old * 1e10, float(old), str(old)])


def _raw(rng: Random, value: bytes) -> bytes:
    """Put bytes that are no JSON in the place of a value."""
    marked = _structured(lambda _, holder, key: holder.__setitem__(key, _MARK))(rng, value)
    return marked.replace(json.dumps(_MARK).encode(), rng.choice(_RAW))


def _twice(rng: Random, value: bytes) -> bytes:
    """Give the first key twice."""
    head, comma, tail = value.partition(b",")
    return head + comma + head.lstrip(b"{") + comma + tail


def _flipped(rng: Random, value: bytes) -> bytes:
    spoilt = bytearray(value)
    for _ in range(rng.randrange(1, 4)):
        if spoilt:
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return bytes(spoilt)


def _cut(rng: Random, value: bytes) -> bytes:
    return value[: rng.randrange(len(value) + 1)]


def _stuffed(rng: Random, value: bytes) -> bytes:
    at = rng.randrange(len(value) + 1)
    return value[:at] + rng.randbytes(rng.randrange(1, 9)) + value[at:]


def _marked(rng: Random, value: bytes) -> bytes:
    return rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b" \n", b"\x00"]) + value


def _repeated(rng: Random, value: bytes) -> bytes:
    return value * 2


def _spliced(rng: Random, value: bytes, other: bytes) -> bytes:
    return value[: rng.randrange(len(value) + 1)] + other[rng.randrange(len(other) + 1) :]


MUTATIONS: list[Mutation] = [
    *[_structured(change) for change in (_replace, _replace, _replace, _remove, _rename, _nudge, _nudge)],
    *(_raw, _twice, _flipped, _cut, _stuffed, _marked, _repeated),
]


def spoilt_key(rng: Random, key: bytes | None) -> bytes | None:
    """Return a key that is mostly right."""
    return key if rng.random() < 0.8 else rng.choice([None, b"", b"\xff", b"/", b"a/b/c", rng.randbytes(9)])


def spoilt_headers(rng: Random) -> tuple[tuple[str, bytes], ...]:
    """Return headers that nobody asked for."""
    names = ["traceparent", "dlq_attempt", "dlq_reason", "ce_id", "", "x" * 300, "é"]
    return tuple(
        (rng.choice(names), rng.randbytes(rng.randrange(60))) for _ in range(rng.choice([0, 0, 0, 3]))
    )
