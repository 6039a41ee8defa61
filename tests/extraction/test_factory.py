"""The settings decide who is asked, and what must not be published."""

from pathlib import Path

import pytest

from equal_stream.errors import ConfigurationError
from equal_stream.extraction.client import LLMClient
from equal_stream.extraction.factory import make_asker, make_worker
from equal_stream.extraction.offline.extractor import OfflineExtractor
from equal_stream.settings import ExtractionSettings, LLMSettings, Settings
from tests.extraction.material import NILE, LengthEncoder, ticket_for
from tests.extraction.test_journal import CountingProducer


async def test_without_an_endpoint_pages_answer_for_themselves() -> None:
    assert isinstance(make_asker(Settings()), OfflineExtractor)


async def test_with_an_endpoint_the_llm_is_asked() -> None:
    asker = make_asker(Settings(llm=LLMSettings(base_url="http://127.0.0.1:1/v1", model="m")))
    assert isinstance(asker, LLMClient)
    await asker.close()


async def test_a_worker_keeps_protected_questions_out(tmp_path: Path) -> None:
    file = tmp_path / "evaluation.jsonl"
    file.write_text('{"question": "What does the Aswan Dam span?"}\n')
    text = "Q: What does the Aswan Dam span?\nA: It spans the river Nile in Egypt.\n"
    passage = type(NILE)(text=text, start=0, title="Dam", lang="en")
    settings = Settings(extraction=ExtractionSettings(protected=[file]))
    worker = make_worker(settings, LengthEncoder(), CountingProducer())
    result = await worker.extract(ticket_for(passage), passage)
    await worker.close()
    assert (result.pairs, result.rejected) == ([], {"protected-evaluation": 1})


def test_a_protected_file_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    settings = Settings(extraction=ExtractionSettings(protected=[tmp_path / "none.jsonl"]))
    with pytest.raises(ConfigurationError, match=r"none\.jsonl"):
        make_worker(settings, LengthEncoder(), CountingProducer())
