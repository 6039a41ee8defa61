"""Damaged and foreign files: one sentence that names the file, the place and what to do."""

import gzip
import json
from pathlib import Path

import pytest

from tests.feed.reading import documents, read


def some_lines(count: int, start: int = 0) -> bytes:
    return b"".join(
        json.dumps({"url": f"https://a.example/{n}", "text": f"text {n} " + str(hash(n)) * 20}).encode()
        + b"\n"
        for n in range(start, start + count)
    )


def test_a_truncated_gzip_file_keeps_every_line_before_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(some_lines(50)) + gzip.compress(some_lines(2_000, 50))[:-2_000])
    items, broken = read(path)
    assert len(documents(items)) >= 50
    assert str(path) in broken
    assert f"after line {len(items):,} " in broken
    assert "ends too early" in broken
    assert "what came before is kept" in broken


def test_a_damaged_gzip_member_keeps_the_members_before(tmp_path: Path) -> None:
    bad = bytearray(gzip.compress(some_lines(500, 50)))
    bad[len(bad) // 2 : len(bad) // 2 + 50] = bytes(50)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(some_lines(50)) + bytes(bad))
    items, broken = read(path)
    assert len(documents(items)) >= 50
    assert "the gzip data is damaged" in broken


def test_rubbish_after_the_last_member_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(some_lines(3)) + b"rubbish")
    items, broken = read(path)
    assert len(documents(items)) == 3
    assert "after line 3" in broken


@pytest.mark.parametrize(
    ("magic", "name", "command"),
    [
        (b"\x04\x22\x4d\x18rest", "LZ4", "lz4 -d"),
        (b"\x28\xb5\x2f\xfdrest", "Zstandard", "zstd -d"),
        (b"BZh9rest", "bzip2", "bzip2 -d"),
        (b"\xfd7zXZ\x00rest", "XZ", "xz -d"),
        (b"PK\x03\x04rest", "ZIP", "unzip"),
    ],
)
def test_other_compression_is_named_with_the_command_that_undoes_it(
    tmp_path: Path, magic: bytes, name: str, command: str
) -> None:
    path = tmp_path / "a.warc.lz4"
    path.write_bytes(magic)
    items, broken = read(path)
    assert items == []
    assert name in broken
    assert f"{command} {path}" in broken


def test_a_file_of_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"\x00\x01\x02")
    _, broken = read(path)
    assert "--format" in broken
    assert "jsonl, warc, wet, html, text" in broken


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    _, broken = read(tmp_path / "a.jsonl")
    assert "a.jsonl cannot be opened: No such file" in broken
