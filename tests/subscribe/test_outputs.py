"""Where pairs go: lines on a stream, lines in a file that survives crashes, a table for people."""

import io
import json
import os
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from equal_stream.messages import QAPair
from equal_stream.subscribe.outputs import JsonlOutput, open_to_append
from equal_stream.subscribe.selection import PairSelection
from equal_stream.subscribe.table import LiveTable
from tests.export.pairs import make_pair


def test_a_line_is_a_whole_pair_or_a_withdrawal() -> None:
    stream = io.BytesIO()
    output = JsonlOutput(stream)
    output.pair(make_pair(1))
    output.withdrawn("id-0001")
    output.flush()
    first, second = stream.getvalue().splitlines()
    assert msgspec.json.decode(first, type=QAPair) == make_pair(1)
    assert json.loads(second) == {"qa_id": "id-0001", "withdrawn": True}


def test_the_end_of_a_pipe_is_noticed() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        output = JsonlOutput(stream)
        assert not output.gone()
        os.close(reading)
        assert output.gone()


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (b"", b""),
        (b"one\n", b"one\n"),
        (b"one\ntw", b"one\n"),
        (b"half", b""),
        (b"one\n" + b"x" * 200_000, b"one\n"),
    ],
)
def test_half_a_line_that_a_crash_left_is_cut_before_more_is_written(
    tmp_path: Path, before: bytes, kept: bytes
) -> None:
    path = tmp_path / "new" / "pairs.jsonl"
    path.parent.mkdir()
    path.write_bytes(before)
    with open_to_append(path) as file:
        JsonlOutput(file, durable=True).withdrawn("a")
    assert path.read_bytes() == kept + b'{"qa_id": "a", "withdrawn": true}\n'


def test_the_table_shows_the_newest_pairs_and_drops_withdrawn_ones() -> None:
    text = io.StringIO()
    with LiveTable(Console(file=text)) as table:
        for number in range(1, 31):
            table.pair(make_pair(number, answer="[bold]as it is[/bold]"))
        table.withdrawn("id-0030")
        table.flush()
        assert not table.gone()
    shown = text.getvalue()
    assert "30 pairs, 1 withdrawn" in shown
    assert "What does tide 29 do?" in shown
    assert "What does tide 30 do?" not in shown
    assert "What does tide 1 do?" not in shown
    assert "[bold]as it is[/bold]" in shown


def test_a_selection_takes_pairs_by_target_and_gain() -> None:
    pair = make_pair(5)
    assert PairSelection().takes(pair)
    assert PairSelection(("stars", "tides"), 0.5).takes(pair)
    assert not PairSelection(("stars",)).takes(pair)
    assert not PairSelection(min_gain=0.51).takes(pair)
