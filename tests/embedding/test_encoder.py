"""The encoder with the default model's real weights."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from equal_stream.embedding.encoder import Encoder
from equal_stream.embedding.model_files import DEFAULT_MODEL, ModelFiles, find_model, vector_length
from equal_stream.errors import ConfigurationError
from equal_stream.settings import EmbeddingSettings
from tests.embedding.world import sentences

TEXTS = [
    "short",
    sentences(1, 3),
    "水的沸点是一百摄氏度。冰在零度融化。" * 4,
    "",
    sentences(2, 10),
    "with control\x00 characters",
    "Ein Satz auf Deutsch, mit Umlauten: äöü.",
    sentences(3, 60),
]


@pytest.fixture(scope="module")
def exact() -> Encoder:
    """In fp32."""
    return Encoder(EmbeddingSettings(precision="fp32", device="cpu", batch_size=3))


@pytest.fixture(scope="module")
def coarse() -> Encoder:
    """In bf16, which every CPU computes, if not fast."""
    return Encoder(EmbeddingSettings(precision="bf16", device="cpu", batch_size=3))


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)


def test_the_default_model_is_there_without_a_hub_and_tells_what_it_is(exact: Encoder) -> None:
    assert (exact.identity, exact.dimension, exact.max_tokens) == ("all-MiniLM-L6-v2/fp32", 384, 256)


def test_vectors_are_those_of_the_model_itself(exact: Encoder) -> None:
    plain = [text.replace("\x00", " ") for text in TEXTS]
    theirs = exact.model.encode(plain, normalize_embeddings=True, show_progress_bar=False)
    assert cosines(exact.encode(TEXTS), theirs).min() > 0.99999


def test_bf16_stays_close_to_fp32_and_has_another_identity(exact: Encoder, coarse: Encoder) -> None:
    assert cosines(exact.encode(TEXTS), coarse.encode(TEXTS)).min() > 0.999
    assert coarse.identity == "all-MiniLM-L6-v2/bf16"


def test_vectors_are_unit_float32_rows_in_the_order_asked(exact: Encoder) -> None:
    found = exact.encode(TEXTS)
    assert (found.dtype, found.shape) == (np.float32, (len(TEXTS), 384))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
    for text, row in zip(TEXTS, found, strict=True):
        assert cosines(exact.encode([text]), row[None])[0] > 0.99999


def test_no_texts_give_no_rows(exact: Encoder) -> None:
    assert exact.encode([]).shape == (0, 384)


def test_token_counts_are_what_the_model_reads(exact: Encoder) -> None:
    assert exact.count_tokens(["hello world", ""]) == [4, 2]


def test_a_model_in_a_directory_is_told_by_its_weights(exact: Encoder, tmp_path: Path) -> None:
    exact.model.save(str(tmp_path / "mine"))
    mine = Encoder(EmbeddingSettings(model=str(tmp_path / "mine"), precision="fp32", device="cpu"))
    assert mine.identity.startswith("mine@")
    assert cosines(mine.encode(TEXTS), exact.encode(TEXTS)).min() > 0.99999


def test_a_model_that_is_not_mean_pooled_bert_goes_through_sentence_transformers(
    exact: Encoder, tmp_path: Path
) -> None:
    exact.model.save(str(tmp_path / "mine"))
    pooling = tmp_path / "mine" / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text().replace('"mean"', '"cls"'))
    mine = Encoder(EmbeddingSettings(model=str(tmp_path / "mine"), precision="fp32", device="cpu"))
    theirs = mine.model.encode(TEXTS[:3], show_progress_bar=False)
    assert cosines(mine.encode(TEXTS[:3]), theirs).min() > 0.99999
    assert cosines(mine.encode(TEXTS[:3]), exact.encode(TEXTS[:3])).max() < 0.99


def test_a_directory_without_a_model_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"embedding\.model"):
        Encoder(EmbeddingSettings(model=str(tmp_path)))


@pytest.mark.parametrize("device", ["warp", "cuda:99"])
def test_a_device_that_is_not_there_is_said(device: str) -> None:
    with pytest.raises(ConfigurationError, match=r"embedding\.device"):
        Encoder(EmbeddingSettings(device=device))


def test_the_files_of_the_default_model_tell_the_length_of_its_vectors(exact: Encoder) -> None:
    assert vector_length(find_model(DEFAULT_MODEL)) == exact.dimension


@pytest.mark.parametrize(
    "modules",
    [
        "{not json",
        '[{"type": "Transformer"}]',
        '[{"type": "StaticEmbedding", "path": ""}]',
        '[{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "pooling"}]',
    ],
)
def test_files_that_do_not_tell_for_sure_tell_nothing(tmp_path: Path, modules: str) -> None:
    (tmp_path / "modules.json").write_text(modules)
    (tmp_path / "pooling").mkdir()
    two_ways = (
        '{"word_embedding_dimension": 8, "pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}'
    )
    (tmp_path / "pooling" / "config.json").write_text(two_ways)
    assert vector_length(ModelFiles(str(tmp_path), "some")) is None
