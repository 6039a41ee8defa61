"""Fixtures of the alignment's tests."""

import pytest

from equal_stream.embedding.encoder import Encoder
from equal_stream.settings import EmbeddingSettings

SETTINGS = EmbeddingSettings(device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def minilm() -> Encoder:
    """The default model as the service would load it; nothing may change it."""
    return Encoder(SETTINGS)
