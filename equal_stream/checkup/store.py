"""The vector store: a Qdrant server, or the embedded one."""

from equal_stream.checkup.finding import Verdict
from equal_stream.settings import Settings
from equal_stream.settings_rules import require_store_ready
from equal_stream.store.base import StoreInUse, StoreUnavailable
from equal_stream.store.directory_lock import DirectoryLock
from equal_stream.store.qdrant_calls import QdrantCalls
from equal_stream.store.qdrant_server import open_client

ANSWER_SECONDS = 5.0


def store(settings: Settings) -> tuple[Verdict, str, str]:
    """Check that the Qdrant server answers as it would a role, or whether the embedded store is free."""
    if not settings.store.url:
        return _embedded(settings)
    require_store_ready(settings)
    where = settings.store
    soon = where.model_copy(update={"timeout_seconds": min(where.timeout_seconds, ANSWER_SECONDS)})
    try:
        client = open_client(settings.model_copy(update={"store": soon}))
        try:
            answer = QdrantCalls(where.url, soon.timeout_seconds)(client.get_collections)
        finally:
            client.close()
    except StoreUnavailable as error:
        advice = "start the server, or correct store.url, store.api_key and store.ca_file"
        return "failed", f"no Qdrant can be used at store.url: {error}", advice
    return "ok", f"Qdrant answers at store.url; {len(answer.collections)} collections", ""


def _embedded(settings: Settings) -> tuple[Verdict, str, str]:
    directory = settings.data_dir / "store" / settings.store.passages
    if not directory.exists():
        return "ok", f"embedded; {directory} will be made at the first use", ""
    try:
        DirectoryLock(directory).release()
    except StoreInUse as error:
        return "ok", f"embedded, and at work: {error}", ""
    return "ok", f"embedded in {directory}, free", ""
