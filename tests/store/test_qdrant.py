"""What is particular to a Qdrant server: outages, refusals, versions, races and lost answers."""

import socket
import uuid
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from pydantic import SecretStr
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings, StoreSettings
from equal_stream.store.base import Point, StoreUnavailable
from equal_stream.store.collections import DOCUMENTS, passages
from equal_stream.store.factory import open_stores
from equal_stream.store.qdrant import QdrantStore
from equal_stream.store.qdrant_calls import QdrantCalls
from equal_stream.store.qdrant_server import open_client
from tests.serving import serving
from tests.store.scripted_server import ScriptedServer

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),
    pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection"),
]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving(ScriptedServer()) as running:
        yield running


@pytest.fixture
def nobody() -> str:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{reserved.getsockname()[1]}"


def at(url: str, **more: object) -> Settings:
    return Settings(store=StoreSettings(url=url, timeout_seconds=1, **more))


def document(**payload: object) -> Point:
    return Point(str(uuid.uuid4()), None, dict(payload))


def test_an_outage_shorter_than_the_timeout_goes_unnoticed(server):
    server.statuses = [503, 500]
    open_client(at(server.url)).close()
    assert len(server.keys) == 3


def test_a_server_that_is_not_there_is_named_with_what_to_do(nobody):
    with pytest.raises(StoreUnavailable, match="EQUAL_STREAM_STORE__URL") as unavailable:
        open_stores(at(nobody), "encoder/fp32", 4)
    assert nobody in str(unavailable.value)
    assert "\n" not in str(unavailable.value)
    assert unavailable.value.exit_code == 3


def test_a_grpc_server_that_is_not_there_is_named_too(nobody):
    client = QdrantClient(
        url=nobody, grpc_port=int(nobody.rpartition(":")[2]), prefer_grpc=True, check_compatibility=False
    )
    with pytest.raises(StoreUnavailable, match="does not answer"):
        QdrantCalls(nobody, 0.3)(lambda: client.collection_exists("passages"))
    client.close()


def test_the_key_is_sent_and_a_refusal_names_its_setting_but_not_the_key(server):
    server.statuses = [401]
    with pytest.raises(StoreUnavailable, match="EQUAL_STREAM_STORE__API_KEY") as refused:
        open_client(at(server.url, api_key=SecretStr("s3cret")))
    assert server.keys == ["s3cret"]
    assert "s3cret" not in str(refused.value)


def test_a_request_that_the_server_rejects_is_not_asked_again(server):
    server.statuses = [400]
    with pytest.raises(StoreUnavailable, match="refused the request"):
        open_client(at(server.url))
    assert len(server.keys) == 1


@pytest.mark.parametrize("version", ["1.12.6", "0.11.0", "unknown"])
def test_a_server_too_old_for_insert_only_writes_is_refused(server, version):
    server.version = version
    with pytest.raises(ConfigurationError, match=r"needs 1\.17"):
        open_client(at(server.url))


@pytest.mark.parametrize("url", ["ftp://qdrant:6333", "http://[nonsense"])
def test_a_url_that_is_none_is_a_configuration_error(url):
    with pytest.raises(ConfigurationError, match="EQUAL_STREAM_STORE__URL"):
        open_client(at(url))


class LateClient(QdrantClient):
    """Finds no collection the first time it looks: somebody else makes it between look and making."""

    looked = False

    def collection_exists(self, collection_name, **kwargs):
        there = super().collection_exists(collection_name, **kwargs)
        seen, self.looked = self.looked, True
        return there and seen


def test_a_process_that_is_late_to_make_the_collection_uses_the_one_that_is_there(tmp_path):
    spec = passages("encoder/fp32", 4)
    with_point = QdrantStore(QdrantClient(path=str(tmp_path)), spec, "")
    with_point.upsert([Point(str(uuid.uuid4()), np.eye(4, dtype=np.float32)[0], {})])
    with_point.close()
    late = QdrantStore(LateClient(path=str(tmp_path)), spec, "")
    assert late.count() == 1
    late.close()


class LosingClient(QdrantClient):
    """Carries out the first write and loses the answer."""

    lost = False

    def upsert(self, *args, **kwargs):
        result = super().upsert(*args, **kwargs)
        if not self.lost:
            self.lost = True
            raise ResponseHandlingException(httpx.ReadTimeout("the answer was lost"))
        return result


def test_an_insert_whose_answer_was_lost_is_known_as_ones_own():
    store = QdrantStore(LosingClient(":memory:"), DOCUMENTS, "")
    mine = document(url="mine")
    assert store.insert_new([mine]) == []
    assert store.insert_new([mine]) == [mine.id]
    assert store.get([mine.id]) == [mine]
    store.close()


def test_the_prefix_keeps_services_on_one_server_apart():
    client = QdrantClient(":memory:")
    first, second = QdrantStore(client, DOCUMENTS, "a-"), QdrantStore(client, DOCUMENTS, "b-")
    first.upsert([document(url="a")])
    assert (first.count(), second.count()) == (1, 0)
    assert {one.name for one in client.get_collections().collections} == {"a-documents", "b-documents"}
    first.close()
