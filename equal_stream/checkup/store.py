"""The vector store: a Qdrant server, or the embedded one."""

from qdrant_client import QdrantClient

from equal_stream.checkup.finding import Verdict
from equal_stream.settings import Settings
from equal_stream.store.base import StoreInUse
from equal_stream.store.directory_lock import DirectoryLock


def store(settings: Settings) -> tuple[Verdict, str, str]:
    """Check that the Qdrant server answers, or that the embedded store's directory is free or in use."""
    if not settings.store.url:
        return _embedded(settings)
    key = settings.store.api_key
    client = QdrantClient(
        settings.store.url,
        api_key=key.get_secret_value() if key else None,
        timeout=5,
        check_compatibility=False,
    )
    try:
        names = [each.name for each in client.get_collections().collections]
    except Exception as error:  # noqa: BLE001 - the client raises errors of three libraries
        advice = "start the server, or correct store.url and store.api_key"
        return "failed", f"no Qdrant answers at store.url: {str(error).splitlines()[0]}", advice
    finally:
        client.close()
    return "ok", f"Qdrant answers at store.url; {len(names)} collections", ""


def _embedded(settings: Settings) -> tuple[Verdict, str, str]:
    directory = settings.data_dir / "store" / settings.store.passages
    if not directory.exists():
        return "ok", f"embedded; {directory} will be made at the first use", ""
    try:
        DirectoryLock(directory).release()
    except StoreInUse as error:
        return "ok", f"embedded, and at work: {error}", ""
    return "ok", f"embedded in {directory}, free", ""
