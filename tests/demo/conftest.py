"""The real corpus, read once: parsing what is installed takes some seconds."""

import pytest

from equal_stream.demo.corpus import documents
from equal_stream.messages import CrawledDocument

SMALL = 60  # documents beside those of the theme


@pytest.fixture(scope="session")
def small_corpus() -> list[CrawledDocument]:
    """What a demo of `SMALL` documents crawls on this machine."""
    return documents(SMALL)
