import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from equal_stream.backtest import vectors
from equal_stream.backtest.vectors import CachedEncoder
from equal_stream.errors import ConfigurationError

from .encoding import DIMENSION, HashingEncoder, cached

TEXTS = ["one", "two words", "three words here", "字"]


def test_every_text_is_encoded_once_whoever_asks_and_however_often(tmp_path):
    first, second = HashingEncoder(), HashingEncoder()
    with cached(tmp_path, first) as encoder:
        before = encoder.encode([*TEXTS, "one"])
        encoder.encode(TEXTS[:2])
    with cached(tmp_path, second) as encoder:
        after = encoder.encode([*TEXTS, "one"])
        encoder.encode(["new", "one"])
    assert sorted(first.encoded) == sorted(TEXTS)
    assert second.encoded == ["new"]
    assert (before.vectors == after.vectors).all()
    assert before.tokens.tolist() == after.tokens.tolist() == [1, 2, 3, 1, 1]


def test_answers_are_in_the_order_of_the_texts_and_are_the_encoders_own(tmp_path):
    texts = [f"{'word ' * (number % 7)}{number}" for number in range(30)]
    with cached(tmp_path, HashingEncoder()) as encoder:
        encoder.encode(texts[10:20])
        found = encoder.encode(texts)
    assert (found.vectors == HashingEncoder().encode(texts)).all()
    assert found.vectors.dtype == np.float32
    found.vectors[:] = 0  # nobody else's array


def test_nothing_is_asked_for_nothing(tmp_path):
    with cached(tmp_path) as encoder:
        found = encoder.encode([])
        assert encoder.cut([]) == []
    assert (found.vectors.shape, found.tokens.shape) == ((0, 0), (0,))


def test_an_interrupted_run_keeps_what_was_encoded(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "_BATCH", 4)
    texts = [f"text {number:02}" for number in range(10)]
    broken, whole = HashingEncoder(breaks_after=8), HashingEncoder()
    with cached(tmp_path, broken) as encoder, pytest.raises(KeyboardInterrupt):
        encoder.encode(texts)
    with cached(tmp_path, whole) as encoder:
        found = encoder.encode(texts)
    assert sorted(broken.encoded + whole.encoded) == texts
    assert len(whole.encoded) == 2
    assert (found.vectors == HashingEncoder().encode(texts)).all()


def test_progress_is_told_of_what_is_encoded_only(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors, "_BATCH", 3)
    told = []
    with cached(tmp_path, HashingEncoder(), lambda *counts: told.append(counts)) as encoder:
        encoder.encode(TEXTS)
        encoder.encode(TEXTS)
    assert told == [(3, 4), (4, 4)]


def model(directory, weights):
    directory.mkdir(parents=True)
    (directory / "model.safetensors").write_bytes(weights)
    return str(directory)


def test_two_models_do_not_mix_though_their_folders_are_named_alike(tmp_path):
    other, same = HashingEncoder(dimension=4), HashingEncoder()
    names = [model(tmp_path / str(number) / "tuned", bytes([number])) for number in range(2)]
    with cached(tmp_path, HashingEncoder(), model=names[0]) as encoder:
        encoder.encode(TEXTS)
    with cached(tmp_path, other, model=names[1]) as encoder:
        assert encoder.encode(TEXTS).vectors.shape == (4, 4)
    with cached(tmp_path, same, model=names[0]) as encoder:
        assert encoder.encode(TEXTS).vectors.shape == (4, DIMENSION)
    assert (len(other.encoded), same.encoded) == (4, [])


def test_two_precisions_do_not_mix(tmp_path):
    with cached(tmp_path, HashingEncoder(), precision="fp32") as encoder:
        encoder.encode(TEXTS)
    with cached(tmp_path, again := HashingEncoder(), precision="bf16") as encoder:
        encoder.encode(TEXTS)
    assert len(again.encoded) == 4


def test_a_file_that_is_no_cache_is_one_clear_sentence(tmp_path):
    path = tmp_path / "backtest" / "vectors.sqlite"
    path.parent.mkdir()
    path.write_bytes(b"this is no database " * 500)
    with pytest.raises(ConfigurationError, match="delete it") as refused:
        cached(tmp_path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    "damage",
    ["UPDATE texts SET vector = substr(vector, 1, 12)", "UPDATE texts SET vector = NULL", "DROP TABLE texts"],
)
def test_a_damaged_cache_is_one_clear_sentence(tmp_path, damage):
    with cached(tmp_path, HashingEncoder()) as encoder:
        encoder.encode(TEXTS[:1])
    with sqlite3.connect(tmp_path / "backtest" / "vectors.sqlite") as file:
        file.execute(damage)
    file.close()
    with cached(tmp_path, HashingEncoder()) as encoder:
        if damage.startswith("DROP"):
            encoder.encode(TEXTS)  # made anew when it was opened
        else:
            with pytest.raises(ConfigurationError, match="cannot be used"):
                encoder.encode(TEXTS)


def test_a_vector_that_lost_bytes_is_noticed_even_if_all_did(tmp_path):
    with cached(tmp_path, HashingEncoder()) as encoder:
        encoder.encode(TEXTS)
    with sqlite3.connect(tmp_path / "backtest" / "vectors.sqlite") as file:
        file.execute("UPDATE texts SET vector = substr(vector, 1, 13)")
    file.close()
    with cached(tmp_path, HashingEncoder()) as encoder, pytest.raises(ConfigurationError):
        encoder.encode(TEXTS)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE texts SET vector = zeroblob(length(vector))", "a vector in it is not of unit length"),
        ("UPDATE texts SET vector = substr(vector, 1, 4)", "a vector in it is not of unit length"),
        ("UPDATE texts SET tokens = -1", "a count of tokens in it is below nothing"),
        ("UPDATE cuts SET spans = '[[0, 99999]]'", "a passage in it does not lie within its document"),
        ("UPDATE cuts SET spans = '[[9, 2]]'", "a passage in it does not lie within its document"),
        ("UPDATE cuts SET spans = '[]'", "a document in it has lost its passages"),
    ],
)
def test_what_no_encoder_gives_is_not_taken_from_a_damaged_cache(encoder, tmp_path, damage, said):
    texts = ["The mill stands by the river.", "Bread rises for two hours."]

    def passages_and_vectors(cache):
        return cache.cut(texts), cache.encode(texts)

    with CachedEncoder(encoder._settings, tmp_path) as whole:
        whole._encoder = encoder.encoder
        passages_and_vectors(whole)
    with sqlite3.connect(tmp_path / "vectors.sqlite") as file:
        file.execute(damage)
    file.close()
    with CachedEncoder(encoder._settings, tmp_path) as spoilt, pytest.raises(ConfigurationError, match=said):
        passages_and_vectors(spoilt)


def test_a_second_run_takes_cuts_and_vectors_from_the_cache_and_loads_no_encoder(encoder, tmp_path):
    texts = ["The mill stands by the river. " * 30, "Bread rises for two hours."]
    passages = encoder.cut(texts)
    assert [len(spans) for spans in passages] == [1, 1] or len(passages[0]) > 1
    found = encoder.encode(texts)
    again = CachedEncoder(encoder._settings, encoder._path.parent)
    with again:
        assert again.cut(texts) == passages
        assert (again.encode(texts).vectors == found.vectors).all()
        assert again._encoder is None


def test_a_second_process_does_not_even_import_torch(encoder):
    texts = ["The mill stands by the river."]
    encoder.cut(texts)
    encoder.encode(texts)
    script = f"""
import sys
from pathlib import Path
from equal_stream.backtest.loading import open_encoder
from equal_stream.settings import Settings
with open_encoder(Settings(data_dir=Path({str(encoder._path.parent.parent)!r}))) as encoder:
    encoder.cut({texts!r})
    print(encoder.encode({texts!r}).vectors.shape, "torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "(1, 384) False\n"


def test_vectors_have_length_one_and_texts_without_words_are_encoded_too(encoder):
    found = encoder.encode(["A mill.", "。", "\u200b", "x" * 5000, "中文"])
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-3)
    assert (found.tokens >= 2).all()
