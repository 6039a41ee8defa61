"""Reference files: JSONL, plain or gzipped, one question and answer a line, read with every fault named.

`question` and `answer` are required; `id`, `topic` and `weight` are optional. A bad line costs only itself.
"""

import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from equal_stream.errors import ConfigurationError
from equal_stream.ids import reference_id
from equal_stream.messages import ReferencePair

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class BadLine:
    """A line that is no reference, counted from 1, and why."""

    line: int
    reason: str


def require_target_name(name: str) -> None:
    """Require a name that can stand before the slash of a record's key."""
    if not name.strip() or name != name.strip() or "/" in name or not name.isprintable():
        raise ConfigurationError(
            f'"{name}" cannot name a target; use visible characters without a slash or surrounding spaces'
        )


def read_references(path: Path, target: str, weight: float = 1.0) -> Iterator[ReferencePair | BadLine]:
    """Yield what each line of a reference file holds, blank lines left out.

    Parameters
    ----------
    path
        JSONL; gzipped when its first bytes say so.
    target
        The target the references describe.
    weight
        Weight of lines that name none.

    Raises
    ------
    ConfigurationError
        The file cannot be opened.
    """
    seen: dict[str, int] = {}
    for number, text in _lines(path):
        found = text if isinstance(text, BadLine) else _reference(text, number, target, weight)
        if isinstance(found, ReferencePair):
            first = seen.setdefault(found.ref_id, number)
            if first != number:
                found = BadLine(number, f"has the same id or question as line {first}")
        yield found


def _lines(path: Path) -> Iterator[tuple[int, bytes | BadLine]]:
    try:
        plain = path.open("rb")
    except OSError as error:
        raise ConfigurationError(f"the reference file {path} cannot be read: {error.strerror}") from error
    with plain:
        zipped = plain.read(2) == _GZIP
        plain.seek(0)
        file = cast("BinaryIO", gzip.GzipFile(fileobj=plain)) if zipped else plain
        number = 0
        try:
            for number, text in enumerate(file, start=1):
                if text.strip():
                    yield number, text
        except (OSError, EOFError, zlib.error) as error:
            yield number + 1, BadLine(number + 1, f"the file ends or breaks here: {error}")


def _reference(text: bytes, number: int, target: str, weight: float) -> ReferencePair | BadLine:
    try:
        entry = msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return BadLine(number, f"is not JSON: {error}")
    if not isinstance(entry, dict):
        return BadLine(number, "is not a JSON object")
    fault = _fault(entry)
    if fault:
        return BadLine(number, fault)
    question = entry["question"].strip()
    return ReferencePair(
        target=target,
        ref_id=str(entry.get("id") or "").strip() or reference_id(question),
        question=question,
        answer=entry["answer"].strip(),
        topic=entry.get("topic") or "",
        weight=float(weight if entry.get("weight") is None else entry["weight"]),
    )


def _fault(entry: dict[str, Any]) -> str:
    """Return what is wrong with a line's object, or an empty text."""
    return next(
        filter(
            None,
            (
                _required_text(entry, "question"),
                _required_text(entry, "answer"),
                "" if isinstance(entry.get("id") or "", str | int) else "has an id that is no text or number",
                "" if isinstance(entry.get("topic") or "", str) else "has a topic that is not text",
                "" if _is_weight(entry.get("weight")) else "has a weight that is not a number of 0 or more",
            ),
        ),
        "",
    )


def _required_text(entry: dict[str, Any], name: str) -> str:
    if name not in entry:
        return f"has no {name}"
    if not isinstance(entry[name], str):
        return f"has a {name} that is not text"
    return "" if entry[name].strip() else f"has an empty {name}"


def _is_weight(value: Any) -> bool:
    if value is None:
        return True
    return type(value) in {int, float} and math.isfinite(value) and value >= 0
