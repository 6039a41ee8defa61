"""A whole alignment: from examples to a directory that the service loads, or to the reason why not."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from equal_stream.alignment.division import TooFewExamples
from equal_stream.alignment.examples import Example
from equal_stream.alignment.material import Material
from equal_stream.alignment.parameters import Parameters
from equal_stream.alignment.report import FILE_NAME, LeftOut, Report
from equal_stream.alignment.run import align
from equal_stream.embedding.encoder import Encoder
from equal_stream.errors import ConfigurationError
from equal_stream.settings import EmbeddingSettings
from tests.alignment.conftest import SETTINGS
from tests.alignment.words import dictionary_examples

DOCUMENTS = 160
QUICK = Parameters(epochs=2, batch_size=16)
IDLE = Parameters(batch_size=64, learning_rate=0.0, still_layers=5)  # ends as it began


def run(
    minilm: Encoder,
    output: Path,
    parameters: Parameters = QUICK,
    *,
    force: bool = False,
    examples: Sequence[Example] | None = None,
) -> Report:
    chosen = dictionary_examples(DOCUMENTS) if examples is None else examples
    return align(
        minilm,
        SETTINGS,
        Material(chosen, "a dictionary", LeftOut(0, 0, 0, 0)),
        parameters,
        output,
        force=force,
        progress=lambda line: None,
    )


@pytest.fixture(scope="module")
def aligned(minilm: Encoder, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report]:
    """An encoder that has learned the dictionary."""
    output = tmp_path_factory.mktemp("models") / "aligned"
    return output, run(minilm, output)


def test_what_was_learned_from_some_documents_helps_on_others(aligned: tuple[Path, Report]) -> None:
    _, report = aligned
    figure = report.passage_to_pair["mrr"]
    assert (report.better, report.saved) == (True, True)
    assert figure.low > 0.1
    assert figure.after == pytest.approx(figure.before + figure.difference)
    assert report.pair_to_passage["mrr"].low > 0
    assert report.learned.documents + report.held_out.documents == DOCUMENTS
    assert report.held_out.pairs == 2 * report.held_out.passages


def test_the_directory_is_an_encoder_for_the_service_under_the_name_the_report_gives(
    minilm: Encoder, aligned: tuple[Path, Report]
) -> None:
    output, report = aligned
    loaded = Encoder(SETTINGS.model_copy(update={"model": str(output)}))
    assert loaded.identity == report.after
    assert report.after.startswith("aligned@")
    assert (loaded.dimension, loaded.max_tokens) == (minilm.dimension, minilm.max_tokens)
    texts = ["They found marble near the orchard.", "quinnet sarnum", "水的沸点"]
    assert (loaded.encode(texts) * minilm.encode(texts)).sum(1).min() < 0.99


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_packed_forward_pass_still_agrees_with_the_model(
    aligned: tuple[Path, Report], precision: str
) -> None:
    settings = EmbeddingSettings(model=str(aligned[0]), device="cpu", precision=precision)
    loaded = Encoder(settings)
    assert loaded._packed is not None
    texts = [example.passage for example in dictionary_examples(20)] + ["short", "a longer text " * 60]
    theirs = loaded.model.encode(texts, show_progress_bar=False).astype(np.float32)
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)  # bf16 does not keep them at exactly one
    assert (loaded.encode(texts) * theirs).sum(1).min() > (0.9999 if precision == "fp32" else 0.999)


def test_the_report_lies_beside_the_model(aligned: tuple[Path, Report]) -> None:
    output, report = aligned
    kept = json.loads((output / FILE_NAME).read_text())
    assert kept["passage_to_pair"]["mrr"]["difference"] == report.passage_to_pair["mrr"].difference
    assert kept["saved"] is True
    assert list(output.parent.iterdir()) == [output]


def test_an_encoder_that_is_not_better_is_not_saved_but_reported(minilm: Encoder, tmp_path: Path) -> None:
    report = run(minilm, tmp_path / "same", IDLE)
    assert (report.better, report.saved) == (False, False)
    assert report.passage_to_pair["mrr"].difference == 0
    assert [path.name for path in (tmp_path / "same").iterdir()] == [FILE_NAME]
    assert json.loads((tmp_path / "same" / FILE_NAME).read_text())["saved"] is False


def test_force_saves_it_and_the_report_still_says_that_it_is_not_better(
    minilm: Encoder, tmp_path: Path
) -> None:
    run(minilm, tmp_path / "same", IDLE)  # leaves a report, which does not stand in the way
    report = run(minilm, tmp_path / "same", IDLE, force=True)
    assert (report.better, report.saved) == (False, True)
    loaded = Encoder(SETTINGS.model_copy(update={"model": str(tmp_path / "same")}))
    np.testing.assert_allclose(loaded.encode(["a text"]), minilm.encode(["a text"]), atol=1e-5)


def test_nothing_is_written_over_a_directory_in_use(minilm: Encoder, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text("weights")
    with pytest.raises(ConfigurationError, match="holds something already"):
        run(minilm, tmp_path)
    assert (tmp_path / "model.safetensors").read_text() == "weights"


@pytest.mark.parametrize(("path", "said"), [("file", "is a file"), ("no/where", "there is no folder")])
def test_a_place_that_cannot_be_a_directory_is_said_before_any_work(
    minilm: Encoder, tmp_path: Path, path: str, said: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=said):
        run(minilm, tmp_path / path)


def test_too_few_examples_leave_no_directory(minilm: Encoder, tmp_path: Path) -> None:
    with pytest.raises(TooFewExamples):
        run(minilm, tmp_path / "model", examples=dictionary_examples(30))
    assert list(tmp_path.iterdir()) == []
