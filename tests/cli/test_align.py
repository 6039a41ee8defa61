"""`align`: from the command line to a model directory, and what it says when there is nothing to align."""

import json
from pathlib import Path

import pytest

from equal_stream.alignment.training import Training
from tests.alignment.words import dictionary_examples
from tests.cli.shell import Shell
from tests.export.pairs import make_pair, open_log, publish

CPU = ("--device", "cpu", "--set", "embedding.precision=fp32")


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Recorded documents whose pairs are a dictionary to be learned."""
    path = tmp_path / "documents.jsonl"
    with path.open("w") as file:
        for example in dictionary_examples(160):
            sentence = example.passage
            # The pairs name the tool that the sentence names, so that they are at home there.
            pairs = [
                {"question": pair.partition("\n")[0], "answer": sentence.partition("left ")[2]}
                for pair in example.pairs
            ]
            file.write(json.dumps({"url": example.document, "text": sentence, "qa": pairs}) + "\n")
    return path


def test_recorded_documents_align_the_encoder_and_the_report_is_printed(
    shell: Shell, documents: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    options = ("--epochs", "2", "--batch-size", "16", "--seed", "3", *CPU, "--json")
    done = shell("align", "--output", str(model), "--documents", str(documents), *options)
    assert done.code == 0, done.err
    report = done.json()
    assert report == json.loads((model / "alignment.json").read_text())
    assert report["source"] == "documents.jsonl"
    assert report["saved"]
    assert report["passage_to_pair"]["mrr"]["low"] > 0
    assert (report["parameters"]["epochs"], report["parameters"]["seed"]) == (2, 3)
    assert report["learning"]["device"] == "cpu"
    assert (model / "modules.json").is_file()
    assert not (model / "README.md").exists()  # a card would name this machine's paths


def test_what_is_not_better_is_not_saved_and_exits_with_one(
    shell: Shell, documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("equal_stream.alignment.run.train", _learn_nothing)
    done = shell("align", "--output", str(tmp_path / "model"), "--documents", str(documents), *CPU)
    assert done.code == 1
    assert "was not shown to be better and was not saved: MRR" in done.err
    assert "passage → pair, MRR" in done.out
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["alignment.json"]
    forced = shell(
        "align", "--output", str(tmp_path / "model"), "--documents", str(documents), "--force", *CPU
    )
    assert forced.code == 0
    assert "although it was not shown to be better" in forced.out
    assert (tmp_path / "model" / "modules.json").is_file()


def _learn_nothing(*_: object, **__: object) -> object:
    return Training([1.0], 0.0)


def test_a_service_with_few_pairs_is_told_how_many_are_needed(shell: Shell, tmp_path: Path) -> None:
    log = open_log(shell.data_dir)
    publish(log, *(make_pair(number) for number in range(5)))  # of passages that no store can have
    log.close()
    done = shell("align", "--output", str(tmp_path / "model"), *CPU)
    assert done.code == 1
    assert "too few pairs" in done.err
    assert not (tmp_path / "model").exists()


def test_without_a_log_it_says_so(shell: Shell, tmp_path: Path) -> None:
    done = shell("align", "--output", str(tmp_path / "model"), *CPU)
    assert done.code == 2
    assert "there is no log under" in done.err


def test_a_place_that_is_taken_is_refused_before_anything_is_loaded(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").touch()
    done = shell("align", "--output", str(tmp_path / "model"), "--documents", str(tmp_path / "none.jsonl"))
    assert done.code == 2
    assert "holds something already" in done.err


def test_a_device_that_is_not_there_is_refused(shell: Shell, tmp_path: Path) -> None:
    done = shell("align", "--output", str(tmp_path / "model"), "--device", "warp")
    assert done.code == 2
    assert "embedding.device" in done.err


def test_a_seed_below_nothing_is_refused(shell: Shell, tmp_path: Path) -> None:
    done = shell("align", "--output", str(tmp_path / "model"), "--seed", "-1")
    assert done.code == 2
    assert "--seed" in done.err
