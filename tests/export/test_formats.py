"""Every format is read back by `datasets`, offline, as training programs would read it."""

import gzip
import importlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest

from equal_stream.errors import ConfigurationError
from equal_stream.export.base import ExportOptions
from equal_stream.export.registry import FORMATS, format_named
from equal_stream.export.write import write_export
from equal_stream.messages import QAPair
from tests.export.pairs import make_pair

PAIRS = [make_pair(number) for number in range(1, 4)]
QUESTION, ANSWER = PAIRS[0].question, PAIRS[0].answer
QUOTE = PAIRS[0].evidence.quote


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that loads a file with `datasets` and gives its rows."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = importlib.import_module("datasets")  # reads the variable when it is imported

    def load_file(kind: str, path: Path) -> Any:
        return datasets.load_dataset(
            kind, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
        )

    return load_file


def export(name: str, path: Path, options: ExportOptions | None = None, pairs: list[QAPair] = PAIRS) -> Path:
    write_export(format_named(name), iter(pairs), path, options or ExportOptions())
    return path


ROWS = [
    (
        "messages",
        ExportOptions(),
        {"messages": [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]},
    ),
    (
        "messages",
        ExportOptions("Be brief.", with_evidence=True),
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": f"{QUOTE}\n\n{QUESTION}"},
                {"role": "assistant", "content": ANSWER},
            ]
        },
    ),
    ("prompt-completion", ExportOptions(), {"prompt": QUESTION, "completion": ANSWER}),
    (
        "prompt-completion",
        ExportOptions("Be brief.", with_evidence=True),
        {"prompt": f"Be brief.\n\n{QUOTE}\n\n{QUESTION}", "completion": ANSWER},
    ),
    ("alpaca", ExportOptions(), {"instruction": QUESTION, "input": "", "output": ANSWER}),
    (
        "alpaca",
        ExportOptions("Be brief.", with_evidence=True),
        {"instruction": QUESTION, "input": QUOTE, "output": ANSWER, "system": "Be brief."},
    ),
    (
        "sharegpt",
        ExportOptions(),
        {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]},
    ),
    (
        "sharegpt",
        ExportOptions("Be brief.", with_evidence=True),
        {
            "conversations": [
                {"from": "system", "value": "Be brief."},
                {"from": "human", "value": f"{QUOTE}\n\n{QUESTION}"},
                {"from": "gpt", "value": ANSWER},
            ]
        },
    ),
]


@pytest.mark.parametrize(("name", "options", "row"), ROWS)
def test_datasets_reads_the_rows_of_each_json_format(
    tmp_path: Path, load: Any, name: str, options: ExportOptions, row: dict[str, Any]
) -> None:
    rows = load("json", export(name, tmp_path / "train.jsonl", options))
    assert len(rows) == 3
    assert rows[0] == row


def test_every_json_format_has_its_row_tested() -> None:
    assert {name for name, _, _ in ROWS} == {form.name for form in FORMATS if form.name != "parquet"}


def test_datasets_reads_every_field_from_parquet(tmp_path: Path, load: Any) -> None:
    rows = load("parquet", export("parquet", tmp_path / "pairs.parquet"))
    assert list(rows) == [msgspec.structs.asdict(pair) | {"evidence": evidence(pair)} for pair in PAIRS]
    assert rows.column_names == list(QAPair.__struct_fields__)


def evidence(pair: QAPair) -> dict[str, Any]:
    return msgspec.structs.asdict(pair.evidence)


def test_parquet_writes_large_exports_in_groups(tmp_path: Path) -> None:
    path = export("parquet", tmp_path / "pairs.parquet", pairs=PAIRS * 2_000)
    assert pq.ParquetFile(path).metadata.num_row_groups == 2
    assert pq.ParquetFile(path).metadata.num_rows == 6_000


def test_gzipped_json_lines_are_the_same_lines_and_datasets_reads_them(tmp_path: Path, load: Any) -> None:
    plain = export("alpaca", tmp_path / "train.jsonl").read_bytes()
    path = export("alpaca", tmp_path / "train.jsonl.gz")
    assert gzip.decompress(path.read_bytes()) == plain
    assert len(load("json", path)) == 3


@pytest.mark.parametrize("name", [form.name for form in FORMATS])
def test_the_same_pairs_make_the_same_bytes(tmp_path: Path, name: str) -> None:
    first = export(name, tmp_path / "a").read_bytes()
    assert export(name, tmp_path / "b").read_bytes() == first


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("old")

    def breaking() -> Any:
        yield PAIRS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_export(format_named("alpaca"), breaking(), path, ExportOptions())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_lines_are_readable_as_they_are(tmp_path: Path) -> None:
    line = export("alpaca", tmp_path / "train.jsonl").read_text().splitlines()[0]
    assert "ночью" in line
    assert json.loads(line)["output"] == ANSWER


def test_an_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="messages, prompt-completion, alpaca, sharegpt, parquet"):
        format_named("csv")
