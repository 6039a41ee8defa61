"""The connection to a Qdrant server, as the settings name it."""

import math
import re
import ssl
from typing import Any

from qdrant_client import QdrantClient

from equal_stream.errors import ConfigurationError
from equal_stream.settings import Settings, StoreSettings
from equal_stream.store.qdrant_calls import QdrantCalls

OLDEST = (1, 17)  # insert-only writes; older servers ignore the word and overwrite


def open_client(settings: Settings) -> QdrantClient:
    """Return a client of the server at `store.url`, which answered and is recent enough.

    Raises
    ------
    StoreUnavailable
        It does not answer in `store.timeout_seconds`, or refuses the key.
    ConfigurationError
        The URL is no URL, the authority's certificate is none, or the server is too old.
    """
    store = settings.store
    trust = _trust(store)
    try:
        client = QdrantClient(
            url=store.url,
            api_key=None if store.api_key is None else store.api_key.get_secret_value(),
            prefer_grpc=store.prefer_grpc,
            timeout=math.ceil(store.timeout_seconds),
            check_compatibility=False,  # it warns from a thread; see below
            **trust,
        )
    except ValueError as error:
        raise ConfigurationError(
            f"EQUAL_STREAM_STORE__URL is {store.url!r}, which is no URL such as http://qdrant:6333 ({error})."
        ) from error
    version = QdrantCalls(store.url, store.timeout_seconds)(client.info).version
    require_recent(version, store.url)
    return client


def _trust(store: StoreSettings) -> dict[str, Any]:
    """Return what makes the client trust `store.ca_file`, over HTTP and over gRPC."""
    if store.ca_file is None:
        return {}
    try:
        context = ssl.create_default_context(cafile=store.ca_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigurationError(
            f"store.ca_file names {store.ca_file}, which holds no certificate in PEM form ({error})"
        ) from error
    return {"verify": context, "grpc_options": {"root_certificates": store.ca_file.read_bytes()}}


def require_recent(version: str, where: str) -> None:
    """Raise `ConfigurationError` if a server of this version cannot do what is asked of it."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST:
        raise ConfigurationError(
            f"The server at {where} is Qdrant {version}: equal-stream needs {OLDEST[0]}.{OLDEST[1]} or later."
        )
