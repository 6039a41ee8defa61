"""The extraction worker that the settings describe: with an LLM where one is named, without one elsewhere."""

from equal_stream.extraction.asker import Asker
from equal_stream.extraction.base import Pricing
from equal_stream.extraction.client import LLMClient
from equal_stream.extraction.journal import LogJournal
from equal_stream.extraction.limits import Limits
from equal_stream.extraction.offline.extractor import OfflineExtractor
from equal_stream.extraction.protected import read_protected
from equal_stream.extraction.worker import ExtractionWorker, PairEncoder
from equal_stream.settings import Settings
from equal_stream.transport.base import Producer


def make_worker(settings: Settings, encoder: PairEncoder, producer: Producer) -> ExtractionWorker:
    """Return one of `extraction.workers` equal workers; the producer becomes its own.

    Raises
    ------
    ConfigurationError
        A file of protected questions cannot be used.
    """
    protected = read_protected(settings.extraction.protected)
    return ExtractionWorker(
        make_asker(settings), LogJournal(producer), encoder, settings.extraction, protected
    )


def make_asker(settings: Settings) -> Asker:
    """Return the LLM client, or the offline extractor when no endpoint is set."""
    llm, max_pairs = settings.llm, settings.extraction.max_pairs
    if not llm.base_url:
        return OfflineExtractor(max_pairs)
    pricing = Pricing(in_mtok_cost=llm.in_mtok_cost or 0.0, out_mtok_cost=llm.out_mtok_cost or 0.0)
    return LLMClient(llm, pricing, Limits.shared(llm, settings.extraction.workers), max_pairs=max_pairs)
