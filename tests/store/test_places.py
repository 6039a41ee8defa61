"""A place tells which collections it has and whose vectors they hold, wherever it is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings, StoreSettings
from equal_stream.store import places
from equal_stream.store.base import ModelMismatch, Point
from equal_stream.store.collections import DOCUMENTS, passages
from equal_stream.store.identity import Identity
from equal_stream.store.places import DirectoryPlace, OwnedPlace, Place, ServerPlace, passages_there
from tests.store.conftest import LocalServer

pytestmark = [  # of qdrant-client's local mode
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
]
ONE = "5ba5e1de-2b64-5e2c-8a3e-3f5a5b7a9d10"


def directory(request: pytest.FixtureRequest) -> Place:
    path: Path = request.getfixturevalue("tmp_path")
    return DirectoryPlace(path)


def server(request: pytest.FixtureRequest) -> Place:
    held = LocalServer()
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    patch.setattr(places, "open_client", lambda settings: held)
    settings = Settings(store=StoreSettings(url="http://qdrant:6333", prefix="test-", timeout_seconds=1))
    ServerPlace(settings.model_copy(update={"store": StoreSettings(prefix="other-")})).open(DOCUMENTS)
    return ServerPlace(settings)


def owned(request: pytest.FixtureRequest) -> Place:
    settings: Settings = request.getfixturevalue("owned")
    path: Path = request.getfixturevalue("tmp_path")
    return OwnedPlace(settings.model_copy(update={"data_dir": path}))


@pytest.fixture(params=[directory, server, owned], ids=["directory", "server", "owned"])
def place(request: pytest.FixtureRequest) -> Place:
    made: Callable[[pytest.FixtureRequest], Place] = request.param
    return made(request)


def test_collections_are_named_with_whose_vectors_they_hold_until_they_are_dropped(place: Place) -> None:
    assert place.names() == []
    assert place.identity("passages-2") is None
    assert passages_there(place, "passages-2") is None
    spec = passages("an encoder/fp32", 4, "passages-2")
    store, documents = place.open(spec), place.open(DOCUMENTS)
    store.upsert([Point(ONE, np.array([1, 0, 0, 0], np.float32), {"doc_id": ONE})])
    assert place.names() == ["documents", "passages-2"]
    assert place.identity("passages-2") == Identity("an encoder/fp32", 4)
    assert passages_there(place, "passages-2") == spec
    with pytest.raises(ConfigurationError, match="no collection of passages"):
        passages_there(place, "documents")
    store.close()
    with pytest.raises(ModelMismatch, match="equal-stream reembed"):
        place.open(passages("another/fp32", 4, "passages-2"))
    place.open(spec).drop()
    assert place.names() == ["documents"]
    assert place.identity("passages-2") is None
    documents.close()
