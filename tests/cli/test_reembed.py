"""`reembed` and `store`, with the real encoder: another precision is another encoder."""

from functools import lru_cache
from pathlib import Path

import pytest

from equal_stream.embedding.encoder import Encoder
from equal_stream.settings import EmbeddingSettings, Settings
from equal_stream.store.base import Point
from equal_stream.store.collections import DOCUMENTS, passages
from equal_stream.store.places import DirectoryPlace
from tests.cli.shell import Shell

FULL = ("--set", "embedding.precision=fp32", "--device", "cpu")
TEXTS = ["The tide rises twice a day.", "An engine turns heat into work.", "Violins have four strings."]
DOCUMENT = "5ba5e1de-2b64-5e2c-8a3e-3f5a5b7a9d10"


def identity(number: int) -> str:
    """The id of a passage."""
    return f"5ba5e1de-2b64-5e2c-8a3e-3f5a5b7a9d2{number}"


@lru_cache
def encoder_in(precision: str) -> Encoder:
    """The real encoder, loaded once for all tests."""
    return Encoder(EmbeddingSettings.model_validate({"precision": precision, "device": "cpu"}))


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "equal_stream.embedding.encoder.Encoder", lambda settings: encoder_in(settings.precision)
    )


@pytest.fixture
def place(shell: Shell) -> DirectoryPlace:
    """A store at rest: three passages in bf16, one of which no document lists any more."""
    held = DirectoryPlace(shell.data_dir / "store")
    encoder = encoder_in("bf16")
    store = held.open(passages(encoder.identity, encoder.dimension))
    store.upsert(
        [
            Point(identity(number), vector, {"doc_id": DOCUMENT, "text": text, "model": encoder.identity})
            for number, (text, vector) in enumerate(zip(TEXTS, encoder.encode(TEXTS), strict=True))
        ]
    )
    store.close()
    documents = held.open(DOCUMENTS)
    documents.upsert([Point(DOCUMENT, None, {"passages": [identity(0), identity(1)]})])
    documents.close()
    return held


def test_the_way_of_a_collection_from_its_filling_to_the_end_of_the_former(
    shell: Shell, place: DirectoryPlace
) -> None:
    done = shell("reembed", "--into", "passages-2", *FULL, "--json")
    assert done.code == 0, done.err
    summary = done.json()
    assert (summary["copied"], summary["left_out"], summary["passages"]) == (2, 1, 2)
    assert summary["model"] == "all-MiniLM-L6-v2/fp32"
    assert "passages holds 3 passages of all-MiniLM-L6-v2/bf16" in done.err
    again = shell("reembed", "--into", "passages-2", *FULL)
    assert "0 encoded" in again.out
    assert "2 there already" in again.out
    encoder = encoder_in("fp32")
    store = place.open(passages(encoder.identity, encoder.dimension, "passages-2"))
    for text, point in zip(TEXTS, store.get([identity(0), identity(1)], vectors=True), strict=False):
        assert point is not None
        assert point.payload == {"doc_id": DOCUMENT, "text": text, "model": encoder.identity}
        assert float(point.vector @ encoder.encode([text])[0]) > 0.9999
    store.close()
    listed = {each["collection"]: each for each in shell("store", "list", "--json").json()}
    assert {name: (each["passages"], each["in_service"]) for name, each in listed.items()} == {
        "passages": (3, True),
        "passages-2": (2, False),
    }
    refused = shell("store", "drop", "passages")
    assert refused.code == 2
    assert "in service" in refused.err
    dropped = shell("store", "drop", "passages", "--set", "store.passages=passages-2")
    assert dropped.out.strip() == "passages is dropped, with 3 passages"
    assert place.names() == ["documents", "passages-2"]
    assert "passages-2" in shell("store", "list").out


def test_a_collection_of_another_precision_is_refused_with_the_way_to_it(
    shell: Shell, place: DirectoryPlace
) -> None:
    done = shell("reembed", "--into", "passages-2", "--from", "passages", *FULL)
    assert done.code == 0, done.err
    wrong = shell("reembed", "--into", "passages-2", "--set", "embedding.precision=bf16", "--device", "cpu")
    assert wrong.code == 2
    assert "equal-stream reembed" in wrong.err


@pytest.mark.parametrize("name", ["documents", "two words", "-x", ""])
def test_a_name_that_is_no_collection_of_passages_is_refused(shell: Shell, name: str) -> None:
    done = shell("reembed", f"--into={name}")
    assert done.code == 2
    assert "store.passages" in done.err


def test_without_a_store_it_says_what_is_there(shell: Shell, tmp_path: Path) -> None:
    done = shell("reembed", "--into", "passages-2", *FULL)
    assert done.code == 2
    assert "there is no collection passages; those of passages that are there: none" in done.err
    assert Settings().store.passages == "passages"
