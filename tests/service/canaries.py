"""Secrets that are planted, and looked for where they must not come: output, files, records, arguments."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from equal_stream.transport.base import Record

Place = tuple[str, bytes]


def found(secrets: Mapping[str, str], places: Iterable[Place]) -> list[str]:
    """Return a sentence for each place that holds a secret, as it is or in base64."""
    wanted = [
        (name, form)
        for name, secret in secrets.items()
        for form in (secret.encode(), *_in_base64(secret.encode()))
    ]
    return [f"{name} is in {where}" for where, content in places for name, form in wanted if form in content]


def _in_base64(secret: bytes) -> Iterator[bytes]:
    """Yield what of a secret is the same in base64 wherever it begins."""
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + secret).rstrip(b"=")
        yield coded[-(-8 * shift // 6) : -1]


def files(*roots: Path) -> Iterator[Place]:
    """Yield what the files under some directories hold, as far as they are plain files."""
    for root in roots:
        for file in root.rglob("*"):
            if file.is_file() and not file.is_symlink():
                try:
                    yield str(file), file.read_bytes()
                except OSError:  # gone meanwhile
                    continue


def arguments() -> list[Place]:
    """Return the command lines of all living processes."""
    lines = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                lines.append((f"arguments of {directory.name}", (directory / "cmdline").read_bytes()))
            except OSError:  # ended meanwhile
                continue
    return lines


def records(topic: str, read: Iterable[Record]) -> Iterator[Place]:
    """Yield keys, values and headers of records."""
    for record in read:
        headers = b"\n".join(name.encode() + b" " + (value or b"") for name, value in record.headers)
        whole = b"\n".join([record.key or b"", record.value or b"", headers])
        yield f"record {record.offset} of partition {record.partition} of {topic}", whole
