"""The real encoder, loaded once, with one cache for all tests of a session."""

from collections.abc import Iterator

import pytest

from equal_stream.backtest.loading import open_encoder
from equal_stream.backtest.vectors import CachedEncoder
from equal_stream.settings import Settings


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CachedEncoder]:
    """The service's encoder behind a cache."""
    with open_encoder(Settings(data_dir=tmp_path_factory.mktemp("encoder"))) as opened:
        yield opened
